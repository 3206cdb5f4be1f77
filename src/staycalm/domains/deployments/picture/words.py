"""What a page says about a deployment. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from staycalm.core.durations import format_duration
from staycalm.core.events import LogEntry
from staycalm.core.text import one_line
from staycalm.domains.deployments.records import Deployment

LIMIT = 400
Body = Mapping[str, Any]


def headline(d: Deployment) -> tuple[str, str]:
    """Return (tone, sentence): what is so now, before any figure. Tones are ok, warn, bad, busy and muted."""
    if d.state in _RUNNING:
        return _running(d)
    if d.state == "completed":
        return _completed(d)
    if d.state == "rolled-back":
        how = "automatically" if d.is_automatic_end else f"by {d.end_actor or 'hand'}"
        return "bad", f"Rolled back {how}; stable serves everything."
    if d.state == "rolling-back":
        return "bad", "Going back to stable now."
    return "muted", "Aborted; the release was not taken."


_RUNNING = ("pending", "preparing", "smoke-testing", "shifting", "verifying")


def _running(d: Deployment) -> tuple[str, str]:
    if d.is_held:
        return "warn", "Held: the weight stays until somebody decides."
    if d.is_paused:
        return "warn", "Paused by a person. It is still watched, and still goes back by itself."
    if d.state == "pending":
        return "busy", "Waiting to start."
    if d.state == "preparing":
        return "busy", "The candidate is being started. It has no traffic."
    if d.state == "smoke-testing":
        return "busy", "The candidate runs without traffic; its smoke tests are under way."
    if d.state == "verifying":
        return "busy", "The candidate serves everything and is watched a last time."
    if d.step < 0:
        return "busy", "Learning what is normal for stable before the first shift."
    return _VERDICTS.get(d.verdict or "", ("busy", "The candidate has traffic; nothing can be said yet."))


_VERDICTS = {
    "PROCEED": ("ok", "Healthy so far: the candidate is no worse than stable."),
    "INSUFFICIENT": ("busy", "Nothing bad seen, but not enough traffic yet to be sure."),
    "HOLD": ("warn", "Something is odd: people have to decide."),
    "ROLLBACK": ("bad", "The candidate is worse than stable."),
}


def _completed(d: Deployment) -> tuple[str, str]:
    if d.problem:
        return "warn", "Completed, but the rollback that was asked for could not be done."
    if d.is_first:
        return "ok", "Completed. It was the first here, so there was nothing to compare it with."
    if d.is_proven:
        return "ok", "Completed and proven: no worse than the release before."
    return "warn", "Completed, not proven: not enough was seen to rule out a worse release."


def reason(d: Deployment) -> str:
    """Return why it is so, as long as the sentence needs; empty where the headline says it all."""
    if d.state in ("rolling-back", "rolled-back", "aborted"):
        return d.end_reason or ""
    if d.is_held:
        return d.held_reason or ""
    if d.problem:
        return d.problem
    return d.verdict_reason or "" if d.state in ("shifting", "verifying", "completed") else ""


def event_sentence(entry: LogEntry) -> tuple[str, str]:
    """Return (what happened, why) of an event of a deployment, each on one line."""
    write = _SENTENCES.get(entry.name.rpartition(".")[2])
    said = write(entry.body) if write is not None else entry.name.rpartition(".")[2].replace("_", " ").capitalize()
    why = entry.body.get("reason") or entry.body.get("why") or entry.body.get("problem") or ""
    return one_line(said, LIMIT), one_line(str(why), LIMIT)


def _number(value: Any, unit: str) -> str:
    return f"{value:g}{unit}" if isinstance(value, (int, float)) else f"?{unit}"


def _rolled_back(body: Body) -> str:
    took, failed = body.get("rollback_took_s"), body.get("failed_requests")
    parts = ["Rolled back, stable serves everything"]
    if isinstance(took, (int, float)):
        parts.append(f"in {format_duration(took)}")
    if isinstance(failed, int):
        parts.append(f"after {failed} failed requests")
    return " ".join(parts)


def _completed_event(body: Body) -> str:
    if body.get("is_first"):
        return "Completed"
    return "Completed, proven" if body.get("is_proven") else "Completed, not proven"


def _smoke(body: Body) -> str:
    many = len(body.get("tests") or ())
    return f"{many} smoke test{'' if many == 1 else 's'} passed"


_SENTENCES: dict[str, Callable[[Body], str]] = {
    "requested": lambda b: f"Requested: {b.get('release', 'a release')} by {b.get('strategy', 'its strategy')}",
    "candidate_ready": lambda b: f"Candidate is up and healthy in slot {b.get('slot', '?')}",
    "smoke_tests_passed": _smoke,
    "weight_shifted": lambda b: (
        f"Candidate at {_number(b.get('weight'), ' %')} (from {_number(b.get('previous_weight'), ' %')})"
    ),
    "held": lambda b: "Held, urgently" if b.get("is_urgent") else "Held",
    "paused": lambda _: "Paused",
    "resumed": lambda _: "Resumed",
    "promoted": lambda b: f"Promoted to {_number(b.get('to_weight'), ' %')}",
    "rollback_started": lambda b: f"Rollback started at {_number(b.get('weight'), ' %')}",
    "rolled_back": _rolled_back,
    "rollback_failed": lambda _: "Rollback failed",
    "completed": _completed_event,
    "aborted": lambda _: "Aborted",
    "candidate_removed": lambda _: "Candidate stopped",
}
