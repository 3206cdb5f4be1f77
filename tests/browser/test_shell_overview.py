"""The sentence on top of the overview: the worst that is true, and never calm when nobody would hear."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from staycalm.core.priority import Priority
from staycalm.domains.incidents.public import Incident
from staycalm.domains.oncall.schedules.queries import OnCallNow
from staycalm.web.overview import Now, headline

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BOB = OnCallNow("platform", "UTC", "bob", None, AT, "carol", None)
GAP = replace(BOB, schedule="payments", primary=None)
UNOWNED = "1 incident that nobody has acknowledged."
CALM: dict[Priority, int] = {"P0": 0, "P1": 0, "P2": 0, "P3": 0}


@dataclass(frozen=True)
class Own:
    problems: tuple[str, ...] = ()
    status: str = "ok"
    version: str = "1"
    engine_age_s: float | None = 0.0


def incident(priority: Priority, state: Any) -> Incident:
    return Incident("INC-1", 1, "Shop is down", priority, state, None, None, "bob", AT, None, None, None, None)


def now(*incidents: Incident, on_call: tuple[OnCallNow, ...] = (BOB,), **alerts: int) -> Now:
    return Now(AT, incidents, (), {**CALM, **alerts}, on_call, None)  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("state", "tone", "words"),
    [
        (now(), "ok", "All calm."),
        (now(on_call=()), "warn", "No incident, but nobody is on call."),
        (now(on_call=(BOB, GAP)), "warn", "No incident, but a schedule has nobody on call."),
        (now(P3=1), "warn", "No incident. 1 alert open."),
        (now(P1=1, P2=2), "bad", "3 alerts open, no incident."),
        (now(incident("P2", "investigating")), "warn", "1 incident open, in hand."),
        (now(incident("P0", "mitigated")), "warn", "1 incident open, in hand."),
        (now(incident("P1", "investigating"), P0=1), "bad", "1 incident open, being investigated."),
        (now(incident("P3", "triage"), incident("P0", "mitigated")), "bad", UNOWNED),
    ],
)  # fmt: skip
def test_the_worst_that_is_true_is_said(state: Now, tone: str, words: str) -> None:
    told = headline(state, Own())
    assert (told.tone, told.sentence) == (tone, words)
    assert headline(state, Own(problems=("the engine has not looked for 60 s",))).tone == "bad"
