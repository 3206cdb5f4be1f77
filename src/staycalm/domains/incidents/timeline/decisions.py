"""From the event log to the timeline. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from staycalm.core.events import LogEntry
from staycalm.domains.incidents.timeline.words import sentence, who

Kind = Literal["delivery", "alert", "paging", "response", "note"]
_KINDS: dict[str, Kind] = {"deployments": "delivery", "alerts": "alert", "oncall": "paging"}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of the timeline. `kind` says whose doing it is; `seq` is its place in the event log.

    `note` is the whole text of a note, which `text` holds on one line.
    """

    seq: int
    at: datetime
    kind: Kind
    text: str
    by: str
    subject: str
    note: str | None = None


def compose(
    entries: Sequence[LogEntry], *, incident: str, ended_at: datetime | None = None
) -> tuple[TimelineEntry, ...]:
    """Return the incident's timeline, in the order of the log.

    What happened to a cause after the incident had ended (a candidate removed days later) is left out, and
    an acknowledgement is told once, although both on-call and the incident record it.
    """
    by_page = {_answered(e) for e in entries if e.name == "oncall.page_acknowledged"}
    found: list[TimelineEntry] = []
    for entry in entries:
        is_foreign = entry.subject != incident
        if is_foreign and ended_at is not None and entry.at > ended_at:
            continue
        if entry.name == "incidents.acknowledged" and (incident, entry.body.get("by")) in by_page:
            continue
        text = sentence(entry)
        if text is not None:
            is_note = entry.name == "incidents.note_added"
            kind = "note" if is_note else _KINDS.get(entry.name.partition(".")[0], "response")
            note = str(entry.body.get("text") or "") if is_note else None
            found.append(TimelineEntry(entry.seq, entry.at, kind, text, who(entry), entry.subject, note))
    return tuple(found)


def _answered(entry: LogEntry) -> tuple[str, object]:
    return entry.subject, entry.body.get("person")


def lines(timeline: Iterable[TimelineEntry]) -> tuple[str, ...]:
    """Return `HH:MM - text` per entry, in UTC (SOP §5.3); the first entry of a later day names the day."""
    found: list[str] = []
    day = None
    for entry in timeline:
        today = entry.at.date()
        mark = f" ({today.isoformat()})" if day is not None and today != day else ""
        found.append(f"{entry.at:%H:%M}{mark} - {entry.text}")
        day = today
    return tuple(found)
