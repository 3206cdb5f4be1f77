"""An event is a fact: a state change with an author and a time, written in the same transaction."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from staycalm.core.actor import Actor


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all events. Subclasses are frozen, named in the past tense, and only ever gain fields.

    `name` is stable for ever (it is what the log stores), `version` grows when a field is added
    (a new field needs a default). Fields hold JSON values only: str, int, float, bool, None,
    lists and dicts of these; a time is an ISO 8601 string in UTC.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1

    subject: str
    service: str | None = None
    environment: str | None = None

    def body(self) -> dict[str, Any]:
        """Return every field except the three indexed columns."""
        return {k: v for k, v in asdict(self).items() if k not in ("subject", "service", "environment")}


E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Recorded(Generic[E]):
    """An event as the log holds it. `seq` grows with insertion; commit order may differ on PostgreSQL."""

    seq: int
    at: datetime
    actor: Actor
    event: E


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A row of the event log for readers that follow many kinds of event and know no class of them."""

    seq: int
    at: datetime
    actor: Actor
    name: str
    version: int
    subject: str
    service: str | None
    environment: str | None
    body: dict[str, Any]


def revive(cls: type[E], body: dict[str, Any], **columns: str | None) -> E:
    """Return the event from its stored body; unknown fields (written by newer code) are ignored."""
    known = {f.name for f in fields(cls)}
    return cls(**{k: v for k, v in {**body, **columns}.items() if k in known})
