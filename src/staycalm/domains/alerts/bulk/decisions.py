"""What one verb for many alerts does to each of them, and for how long it can be taken back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from staycalm.core.actor import Actor
from staycalm.core.machine import Transitions
from staycalm.domains.alerts.machine import AlertState

Action = Literal["acknowledge", "resolve", "hand-back"]
Verdict = Literal["do", "already", "changed", "muted", "still-firing"]

AT_ONCE = 1000
UNDO_S = 600.0
BULK: Transitions = {("running", "finish"): "done"}


@dataclass(frozen=True, slots=True)
class Bulk:
    """One verb for many alerts. `skipped` counts by reason what was left alone; `expected` were announced."""

    id: str
    action: Action
    state: str
    target: Mapping[str, Any]
    reason: str
    upto: str
    cursor: str | None
    expected: int
    done: int
    skipped: Mapping[str, int]
    actor: Actor
    asked_at: datetime
    finished_at: datetime | None
    undone_by: str | None

    @property
    def is_done(self) -> bool:
        return self.state == "done"

    @property
    def seen(self) -> int:
        return self.done + sum(self.skipped.values())

    def can_be_undone(self, now: datetime) -> bool:
        """Return True while what was acknowledged can be given back; a resolved alert is final."""
        return (
            self.action == "acknowledge"
            and self.done > 0
            and self.undone_by is None
            and self.finished_at is not None
            and now - self.finished_at <= timedelta(seconds=UNDO_S)
        )


def verdict(
    action: Action, state: AlertState, *, is_named: bool, rule_fires: bool = False, is_as_left: bool = True
) -> Verdict:
    """Return what happens to one alert.

    `is_named`: somebody chose this very alert, not a filter; only then a muted one is acknowledged, for it
    pages nobody. `rule_fires`: StayCalm's own rule still fires, so that resolving would hide it for ever.
    `is_as_left`: nothing has happened to it since the verb that is taken back.
    """
    if action == "hand-back":
        return "do" if state == "acknowledged" and is_as_left else "changed"
    if state == "resolved":
        return "already" if action == "resolve" else "changed"
    if action == "resolve":
        return "still-firing" if rule_fires else "do"
    if state == "acknowledged":
        return "already"
    return "muted" if state == "suppressed" and not is_named else "do"


REASONS: dict[str, str] = {
    "already": "were so already",
    "changed": "had changed meanwhile",
    "muted": "are muted and page nobody",
    "still-firing": "still fire: they resolve by themselves when their rule does",
}
