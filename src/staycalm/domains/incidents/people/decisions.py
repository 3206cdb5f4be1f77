"""From the delivery log and the event log to one line per person. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from staycalm.core.events import LogEntry
from staycalm.domains.oncall.public import Delivery


@dataclass(frozen=True, slots=True)
class Paged:
    """One person. Times are None where it has not happened; `answer` is the acknowledgement's way (web, link).

    `messages` are the deliveries, oldest first; `is_page`: the person was asked to act, not just told.
    """

    person: str
    is_page: bool
    asked_at: datetime
    delivered_at: datetime | None
    acknowledged_at: datetime | None
    answer: str
    messages: tuple[Delivery, ...]

    @property
    def outcome(self) -> str:
        """Return acknowledged, sent, failed, or the state of what is still on its way."""
        if self.acknowledged_at is not None:
            return "acknowledged"
        states = [each.state for each in self.messages]
        return "sent" if "sent" in states else states[-1]

    @property
    def answered_after_s(self) -> float | None:
        if self.acknowledged_at is None:
            return None
        return max(0.0, (self.acknowledged_at - self.asked_at).total_seconds())


def by_person(deliveries: Sequence[Delivery], entries: Sequence[LogEntry]) -> tuple[Paged, ...]:
    """Return who was paged or told, in the order in which they were first asked."""
    answers: dict[str, LogEntry] = {}
    for entry in entries:
        if entry.name == "oncall.page_acknowledged":
            answers.setdefault(str(entry.body.get("person")), entry)
    grouped: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        grouped.setdefault(delivery.person, []).append(delivery)
    return tuple(_paged(person, messages, answers.get(person)) for person, messages in grouped.items())


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
    )
