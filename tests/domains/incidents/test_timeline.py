"""The timeline is the event log in words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staycalm.core.actor import SYSTEM
from staycalm.core.events import Event, LogEntry
from staycalm.domains.alerts import events as alerts
from staycalm.domains.deployments import events as deployments
from staycalm.domains.incidents import events as incidents
from staycalm.domains.incidents.timeline.decisions import compose, lines
from staycalm.domains.incidents.timeline.words import sentence
from staycalm.domains.oncall import events as oncall
from tests.domains.incidents.stories import BOB, START, Log, a_bad_release


def test_the_night_reads_like_this() -> None:
    timeline = compose(a_bad_release().entries, incident="INC-1", ended_at=START + timedelta(seconds=1860))
    assert lines(timeline) == (
        "09:00 - Candidate of DEP-3 at 10 % of traffic",
        "09:00 - Rollback of DEP-3 started (automatic): error rate rose by 5.1 points",
        "09:01 - DEP-3 rolled back within 800ms: stable serves all traffic; 42 requests failed",
        "09:01 - Incident declared as P0: shop rolled back",
        "09:01 - Escalation started (policy shop)",
        "09:01 - On-call paged: alice (step 1)",
        "09:01 - Page delivered to alice by email",
        "09:06 - On-call paged: bob (step 2)",
        "09:06 - Page delivered to bob by email",
        "09:07 - bob acknowledged (by link)",
        "09:10 - Mitigated: stable serves everything",
        "09:31 - Incident resolved: v3 is out",
    )


def test_an_acknowledgement_without_a_page_is_told() -> None:
    log = Log()
    log.add(0, incidents.IncidentAcknowledged(subject="INC-1", by="bob"), BOB)
    assert lines(compose(log.entries, incident="INC-1")) == ("09:00 - bob acknowledged",)


def test_a_new_day_is_named() -> None:
    log = Log()
    for at in (0, 15 * 3600, 15 * 3600 + 60):
        log.add(at, incidents.NoteAdded(subject="INC-1", note="n", text="still looking"), BOB)
    assert lines(compose(log.entries, incident="INC-1")) == (
        "09:00 - bob: still looking",
        "00:00 (2026-03-03) - bob: still looking",
        "00:01 - bob: still looking",
    )


def test_what_others_wrote_stays_on_one_line() -> None:
    log = Log()
    log.add(0, alerts.AlertRaised(
        subject="ALG-1", alert_id="a", rule="r", priority="P0", summary="down\n- 09:99 - forged entry\x1b[31m",
        escalates="incident"))  # fmt: skip
    (line,) = lines(compose(log.entries, incident="INC-1"))
    assert line == "09:00 - Alert triggered (P0): down - 09:99 - forged entry [31m"


def test_an_unknown_kind_of_event_reads_as_its_name() -> None:
    entry = LogEntry(1, START, SYSTEM, "future.tea_was_made", 1, "INC-1", None, None, {})
    assert sentence(entry) == "Tea was made"


EVERY = [*deployments.ALL, *alerts.ALL, *incidents.ALL] + [
    value
    for value in vars(oncall).values()
    if isinstance(value, type) and issubclass(value, Event) and value is not Event
]


@pytest.mark.parametrize("event", EVERY, ids=[event.name for event in EVERY])
@settings(max_examples=15)
@given(body=st.dictionaries(st.sampled_from(["reason", "weight", "step"]), st.none() | st.text(max_size=9)))
def test_every_kind_of_event_has_words_even_with_fields_missing(event: type[Event], body: dict[str, str]) -> None:
    entry = LogEntry(1, START, SYSTEM, event.name, 1, "INC-1", None, None, dict(body))
    text = sentence(entry)
    assert text is None or (0 < len(text) <= 300 and "\n" not in text)
