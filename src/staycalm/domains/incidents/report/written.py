"""What people wrote, as a report holds it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Measure:
    """An action item. `state`: open, done or dropped; `ended_at` when it stopped being open."""

    id: str
    what: str
    kind: str
    owner: str
    due_on: date
    state: str
    ended_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Amendment:
    """What was appended after the post-mortem was published."""

    at: datetime
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Written:
    """The newest text of each section by its name, without empty ones; `state` is "" where nothing was written."""

    texts: Mapping[str, str] = field(default_factory=dict)
    state: str = ""
    published_at: datetime | None = None
    amendments: tuple[Amendment, ...] = ()
    measures: tuple[Measure, ...] = ()

    def text(self, section: str) -> str:
        """Return the text of the section, "" where nobody wrote one."""
        return self.texts.get(section, "")


NOTHING_WRITTEN = Written()
