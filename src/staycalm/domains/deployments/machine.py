"""States and verbs of a deployment and of a revision. HOLD and pause are flags of a deployment, not states."""

from __future__ import annotations

from typing import Literal, get_args

State = Literal[
    "pending", "preparing", "smoke-testing", "shifting", "verifying",
    "completed", "rolling-back", "rolled-back", "aborted",
]  # fmt: skip
STATES: tuple[State, ...] = get_args(State)
RUNNING: frozenset[str] = frozenset(
    {"pending", "preparing", "smoke-testing", "shifting", "verifying", "rolling-back"}
)
FINAL: frozenset[str] = frozenset({"rolled-back", "aborted"})
WITH_TRAFFIC: frozenset[str] = frozenset({"shifting", "verifying"})

# `complete` from smoke-testing is the first deployment of a placement: there is nothing to compare with.
# `roll_back` from completed is the rollback of what is live; `keep` undoes one that cannot be done.
TABLE: dict[tuple[str, str], str] = {
    ("pending", "prepare"): "preparing",
    ("pending", "abort"): "aborted",
    ("preparing", "smoke_test"): "smoke-testing",
    ("preparing", "withdraw"): "rolling-back",
    ("smoke-testing", "shift"): "shifting",
    ("smoke-testing", "complete"): "completed",
    ("smoke-testing", "withdraw"): "rolling-back",
    ("shifting", "verify"): "verifying",
    ("shifting", "roll_back"): "rolling-back",
    ("shifting", "withdraw"): "rolling-back",
    ("verifying", "complete"): "completed",
    ("verifying", "roll_back"): "rolling-back",
    ("verifying", "withdraw"): "rolling-back",
    ("completed", "roll_back"): "rolling-back",
    ("rolling-back", "finish_rollback"): "rolled-back",
    ("rolling-back", "finish_withdrawal"): "aborted",
    ("rolling-back", "keep"): "completed",
}

RevisionState = Literal["created", "starting", "ready", "serving", "warm", "kept", "stopped", "removed"]

# `kept` is a failed candidate left running for whoever looks into it; `warm` is the stable of before.
REVISION_TABLE: dict[tuple[str, str], str] = {
    ("created", "start"): "starting",
    ("starting", "become_ready"): "ready",
    ("ready", "serve"): "serving",
    ("warm", "serve"): "serving",
    ("kept", "serve"): "serving",
    ("serving", "keep_warm"): "warm",
    **{(state, "keep"): "kept" for state in ("created", "starting", "ready", "serving", "warm")},
    **{(state, "stop"): "stopped" for state in ("created", "starting", "ready", "serving", "warm", "kept")},
    ("stopped", "remove"): "removed",
}
