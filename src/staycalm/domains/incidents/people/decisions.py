"""Who has an incident, and, round by round, who was asked and what they did. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from staycalm.core.events import LogEntry
from staycalm.domains.incidents.machine import State
from staycalm.domains.incidents.report.facts import Holder
from staycalm.domains.oncall.public import Delivery

ANEW = ("incidents.reopened", "oncall.paged_again")
ANSWERED = ("oncall.page_acknowledged", "incidents.acknowledged")
ASKING = (*ANEW, *ANSWERED)
Outcome = Literal[
    "acknowledged", "no answer", "no answer yet", "not delivered", "on its way", "not sent any more", "told"
]


@dataclass(frozen=True, slots=True)
class Standing:
    """How an incident stands. `holder`: who has it now, None is nobody.

    `reopened_at` is when it came back last, with the reason in `reopened_because`; None: it never did.
    """

    holder: str | None = None
    reopened_at: datetime | None = None
    reopened_because: str = ""


def standing(
    state: State, *, taken: LogEntry | None, reopened: LogEntry | None, commander: Holder | None
) -> Standing:
    """Return who has it: the Incident Commander, else who acknowledged; before somebody did, nobody.

    What was true before it was reopened does not count: whoever had it then may be asleep.
    """
    holder = None
    if state != "triage":
        if commander is not None and (reopened is None or commander.since >= reopened.at):
            holder = commander.person
        elif taken is not None and (reopened is None or taken.seq > reopened.seq):
            holder = str(taken.body.get("by") or "") or None
    if reopened is None:
        return Standing(holder)
    return Standing(holder, reopened.at, str(reopened.body.get("reason") or ""))


@dataclass(frozen=True, slots=True)
class Paged:
    """One person in one round. Times are None where it has not happened; `answer` is the way (web, link).

    `messages` are the deliveries, oldest first; `is_page`: the person was asked to act, not just told.
    """

    person: str
    is_page: bool
    asked_at: datetime
    delivered_at: datetime | None
    acknowledged_at: datetime | None
    answer: str
    messages: tuple[Delivery, ...]
    outcome: Outcome

    @property
    def answered_after_s(self) -> float | None:
        if self.acknowledged_at is None:
            return None
        return max(0.0, (self.acknowledged_at - self.asked_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Round:
    """People were asked anew from `began_at` on. `why` says what for; the first round, at the start, has none.

    `is_reopening`: it had been over. `taken_by` took it unasked, at `taken_at`; "" and None: nobody did.
    """

    began_at: datetime
    is_reopening: bool
    why: str
    people: tuple[Paged, ...]
    taken_by: str
    taken_at: datetime | None


def rounds(
    deliveries: Sequence[Delivery], asking: Sequence[LogEntry], *, declared_at: datetime, goes_on: bool
) -> tuple[Round, ...]:
    """Return who was asked, the newest round first, people in the order in which they were first asked.

    A round begins with the incident, with each time it was reopened, and each time everybody was paged again.
    `goes_on`: an answer to the newest round may still come.
    """
    starts: dict[datetime, LogEntry | None] = {declared_at: None}
    for entry in asking:
        if entry.name in ANEW and (entry.at not in starts or entry.name == ANEW[0]):
            starts[entry.at] = entry
    moments = sorted(starts)
    found = []
    for place, (began_at, ended_at) in enumerate(zip(moments, [*moments[1:], None], strict=True)):
        lowest = began_at if place else None
        answers = [each for each in asking if each.name in ANSWERED and _is_within(each.at, lowest, ended_at)]
        sent = [each for each in deliveries if _is_within(each.queued_at, lowest, ended_at)]
        found.append(_round(began_at, starts[began_at], sent, answers, goes_on=goes_on and ended_at is None))
    return tuple(reversed(found))


def _is_within(moment: datetime, lowest: datetime | None, ended_at: datetime | None) -> bool:
    return (lowest is None or moment >= lowest) and (ended_at is None or moment < ended_at)


def _round(
    began_at: datetime,
    start: LogEntry | None,
    deliveries: Sequence[Delivery],
    answers: Sequence[LogEntry],
    *,
    goes_on: bool,
) -> Round:
    by_person: dict[str, LogEntry] = {}
    # Both tell of one answer; that of the page knows by which way it came.
    for each in sorted(answers, key=lambda answer: answer.name != ANSWERED[0]):
        by_person.setdefault(str(each.body.get("person") or each.body.get("by") or ""), each)
    grouped: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        grouped.setdefault(delivery.person, []).append(delivery)
    people = tuple(_paged(person, messages, by_person.get(person)) for person, messages in grouped.items())
    waits = goes_on and not by_person
    stranger = next((who for who in by_person if who not in grouped), "")
    return Round(
        began_at=began_at,
        is_reopening=start is not None and start.name == ANEW[0],
        why=str(start.body.get("reason") or "") if start is not None else "",
        people=tuple(
            replace(each, outcome="no answer yet") if waits and each.outcome == "no answer" else each
            for each in people
        ),
        taken_by=stranger,
        taken_at=by_person[stranger].at if stranger else None,
    )


def _paged(person: str, messages: Sequence[Delivery], answer: LogEntry | None) -> Paged:
    pages = [each for each in messages if each.kind == "page"]
    arrived = [each.ended_at for each in pages or messages if each.state == "sent" and each.ended_at is not None]
    return Paged(
        person=person,
        is_page=bool(pages),
        asked_at=(pages or messages)[0].queued_at,
        delivered_at=min(arrived, default=None),
        acknowledged_at=answer.at if answer is not None else None,
        answer=str(answer.body.get("via") or "") if answer is not None else "",
        messages=tuple(messages),
        outcome="acknowledged" if answer is not None else _outcome(pages, messages),
    )


def _outcome(pages: Sequence[Delivery], messages: Sequence[Delivery]) -> Outcome:
    states = {each.state for each in pages or messages}
    if "sent" in states:
        return "no answer" if pages else "told"
    if states & {"pending", "sending"}:
        return "on its way"
    return "not delivered" if "failed" in states else "not sent any more"
