"""The state machine of a condition: one rule on one placement. Pure.

    inactive --breach--> pending --mature--> firing --ease--> keeping --settle--> inactive
    pending --clear--> inactive      keeping --breach--> firing

Only evidence moves it: breach and mature need a breach, clear, ease and settle need a healthy outcome.
Everything else (no data, stale, too few requests, error) is recorded as the condition's health and moves
nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, cast, get_args

from staycalm.core.machine import Transitions, move

Phase = Literal["inactive", "pending", "firing", "keeping"]
OutcomeKind = Literal["breach", "clear", "no_data", "stale", "insufficient", "error"]
Transition = Literal["fired", "cleared"]

PHASES: tuple[Phase, ...] = get_args(Phase)
OUTCOMES: tuple[OutcomeKind, ...] = get_args(OutcomeKind)
ABSENT: frozenset[str] = frozenset({"no_data", "stale"})
# Time between two looks counts as "held" up to this; a longer silence proves nothing.
LONGEST_GAP_S = 30.0

TABLE: Transitions = {
    ("inactive", "breach"): "pending",
    ("pending", "mature"): "firing",
    ("pending", "clear"): "inactive",
    ("firing", "ease"): "keeping",
    ("keeping", "breach"): "firing",
    ("keeping", "settle"): "inactive",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one evaluation said. `value` is the measured number, `detail` words for a person."""

    kind: OutcomeKind
    value: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """Where a rule stands on a placement.

    `since` is when the phase was entered, `held_s` for how long the breach has been seen to hold,
    `fired_at` when it last began to fire. `health` is the kind of the last outcome and `seen_at` its time.
    """

    phase: Phase = "inactive"
    since: datetime | None = None
    held_s: float = 0.0
    fired_at: datetime | None = None
    health: OutcomeKind = "no_data"
    seen_at: datetime | None = None
    value: float | None = None
    detail: str = ""

    @property
    def is_firing(self) -> bool:
        """Return True while an alert is justified."""
        return self.phase in ("firing", "keeping")

    @property
    def is_breaching(self) -> bool:
        """Return True while an alert is justified or may soon be."""
        return self.phase != "inactive"


def step(
    condition: Condition,
    outcome: Outcome,
    *,
    at: datetime,
    for_s: float,
    keep_firing_for_s: float = 0.0,
    absence_fires: bool = False,
    is_outranked: bool = False,
) -> tuple[Condition, Transition | None]:
    """Return the condition after one evaluation, and what happened.

    An outranked condition may be pending for as long as it likes but does not start to fire.
    Prometheus' `for` and `keep_firing_for`, with the difference that time without evidence does not count.
    """
    is_breach = outcome.kind == "breach" or (absence_fires and outcome.kind in ABSENT)
    condition = replace(condition, since=_past(condition.since, at), fired_at=_past(condition.fired_at, at))
    seen = replace(
        condition, health=outcome.kind, seen_at=at, value=outcome.value, detail=outcome.detail,
        held_s=_held_s(condition, is_breach, outcome, at, absence_fires),
    )  # fmt: skip
    if is_breach:
        return _breached(seen, at, for_s, is_outranked)
    if outcome.kind == "clear":
        return _cleared(seen, at, keep_firing_for_s)
    return seen, None


def _past(instant: datetime | None, now: datetime) -> datetime | None:
    """Return the instant; one that lies ahead, because the clock was set back, is now."""
    return None if instant is None else min(instant, now)


def _held_s(condition: Condition, is_breach: bool, outcome: Outcome, at: datetime, absence_fires: bool) -> float:
    if outcome.kind == "clear":
        return 0.0
    was_breach = condition.health == "breach" or (absence_fires and condition.health in ABSENT)
    if not (is_breach and was_breach and condition.seen_at is not None and condition.phase == "pending"):
        return condition.held_s
    gap_s = max(0.0, (at - condition.seen_at).total_seconds())
    return condition.held_s + min(gap_s, LONGEST_GAP_S)


def _breached(
    seen: Condition, at: datetime, for_s: float, is_outranked: bool
) -> tuple[Condition, Transition | None]:
    if seen.phase == "inactive":
        seen = replace(_enter(seen, "breach", at), held_s=0.0)
    if seen.phase == "keeping":
        return _enter(seen, "breach", at), None
    if seen.phase == "pending" and seen.held_s >= for_s and not is_outranked:
        return replace(_enter(seen, "mature", at), fired_at=at), "fired"
    return seen, None


def _cleared(seen: Condition, at: datetime, keep_firing_for_s: float) -> tuple[Condition, Transition | None]:
    if seen.phase == "pending":
        return _enter(seen, "clear", at), None
    if seen.phase == "firing":
        seen = _enter(seen, "ease", at)
    if seen.phase != "keeping":
        return seen, None
    eased_s = (at - seen.since).total_seconds() if seen.since is not None else math.inf
    return (_enter(seen, "settle", at), "cleared") if eased_s >= keep_firing_for_s else (seen, None)


def _enter(condition: Condition, verb: str, at: datetime) -> Condition:
    phase = cast(Phase, move(TABLE, condition.phase, verb, what="the condition"))
    return replace(condition, phase=phase, since=at)
