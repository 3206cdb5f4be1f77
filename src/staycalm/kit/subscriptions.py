"""Who is told of what: a subscription binds one event class to one idempotent handler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from staycalm.core.events import Event, Recorded
from staycalm.kit.database import Tx


@dataclass(frozen=True)
class Subscription:
    """`handler(tx, recorded)` runs once per event, in order per subject, in its own savepoint.

    `name` is stable for ever (positions are stored under it). Urgency 0 is delivered before 1 before 2.
    """

    name: str
    event: type[Any]
    handler: Callable[[Tx, Recorded[Any]], None]
    urgency: int = 1


class Subscriptions:
    """The full list, looked up by event name when an event is emitted and by subscriber when it is delivered."""

    def __init__(self, listed: Sequence[Subscription]) -> None:
        self.by_name = {s.name: s for s in listed}
        if len(self.by_name) != len(listed):
            raise ValueError("two subscriptions have one name")
        self._by_event: dict[str, list[tuple[str, int]]] = {}
        for each in listed:
            event: type[Event] = each.event
            self._by_event.setdefault(event.name, []).append((each.name, each.urgency))

    def __call__(self, event_name: str) -> Sequence[tuple[str, int]]:
        return self._by_event.get(event_name, ())
