"""Which text is new, which collides, and when an action item is overdue. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, get_args
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from staycalm.core.errors import Invalid
from staycalm.core.text import encodable, one_line
from staycalm.domains.incidents.postmortem.sections import SECTIONS

ActionKind = Literal["preventive", "documentation"]
# The two kinds that the SOP's format names (§5.3).
KINDS: Mapping[str, str] = {"preventive": "Preventive measure", "documentation": "Documentation update"}
StateFilter = Literal["all", "open", "overdue", "done", "dropped"]
STATES: tuple[StateFilter, ...] = get_args(StateFilter)
SOONEST, LATEST = date(2000, 1, 1), date(2999, 12, 31)


@dataclass(frozen=True, slots=True)
class Collision:
    """Somebody else wrote the section meanwhile: their text and version, and the text that was refused."""

    section: str
    theirs: str
    version: int
    by: str
    yours: str


@dataclass(frozen=True, slots=True)
class Stored:
    """The newest text of a section. Version 0 is the empty text that nobody wrote."""

    text: str = ""
    version: int = 0
    by: str = ""


def tidy(section: str, text: str) -> str:
    """Return the text as it is stored; raises Invalid for an unknown section or too long a text."""
    known = SECTIONS.get(section)
    if known is None:
        listed = ", ".join(SECTIONS)
        raise Invalid("bad-section", f"there is no section {section[:40]!r}", next_step=f"Use one of: {listed}.")
    kept = encodable(text).replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    kept = "\n".join(line.rstrip() for line in kept.split("\n")).strip("\n")
    if known.is_line:
        kept = one_line(kept, len(kept) + 1)
    if len(kept) > known.limit:
        raise Invalid(
            "too-long", f"{known.title} has {len(kept)} characters; {known.limit} are the limit",
            next_step="Shorten it; details can stand in a note.",
        )  # fmt: skip
    return kept


def compare(
    sent: Mapping[str, str], based_on: Mapping[str, int], stored: Mapping[str, Stored], base: Mapping[str, str]
) -> tuple[dict[str, str], tuple[Collision, ...]]:
    """Return the sections to store, and those where two people wrote different things.

    `base` holds the text of each section at the version that the writer had seen. A text that the writer left
    as it was is theirs no more than a blank page: it never undoes what somebody else wrote meanwhile.
    """
    changed: dict[str, str] = {}
    collisions: list[Collision] = []
    for section, text in sent.items():
        now = stored.get(section, Stored())
        seen = based_on.get(section, 0)
        if text == now.text or (seen < now.version and text == base.get(section, "")):
            continue
        if seen != now.version:
            collisions.append(Collision(section, now.text, now.version, now.by, text))
        else:
            changed[section] = text
    return changed, tuple(collisions)


def overdue_at(due_on: date, zone: str) -> datetime:
    """Return the end of the day on which it is due, where the organisation is."""
    return datetime.combine(due_on + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)


def check_due(due_on: date) -> date:
    """Return the day; raises Invalid outside the years 2000 to 2999."""
    if not SOONEST <= due_on <= LATEST:
        raise Invalid("bad-date", f"{due_on} is no day for an action item", next_step="Write it as 2026-03-31.")
    return due_on


def parse_day(text: str) -> date:
    """Return the day that `2026-03-31` means; raises Invalid."""
    try:
        return check_due(date.fromisoformat(text.strip()))
    except ValueError:
        raise Invalid("bad-date", f"{text[:40]!r} is no day", next_step="Write it as 2026-03-31.") from None


def check_kind(kind: str) -> ActionKind:
    """Return the kind; raises Invalid."""
    for known in get_args(ActionKind):
        if kind == known:
            return known  # type: ignore[no-any-return]
    raise Invalid("bad-kind", f"{kind[:40]!r} is no kind of action", next_step=f"Use one of: {', '.join(KINDS)}.")


@dataclass(frozen=True, slots=True)
class ActionFilter:
    """Which action items are meant; empty words leave open."""

    state: StateFilter = "open"
    owner: str = ""
    incident: str = ""
    kind: str = ""

    @property
    def is_default(self) -> bool:
        return self == ActionFilter()

    def query(self, **changed: Any) -> str:
        """Return the filter as it stands in an address, with these fields changed; "" for the default one."""
        wanted = replace(self, **changed)
        parts = {f.name: getattr(wanted, f.name) for f in fields(wanted)}
        return urlencode({f.name: parts[f.name] for f in fields(wanted) if parts[f.name] != f.default})


def parse_filter(values: Mapping[str, str]) -> ActionFilter:
    """Return the filter that an address holds; what makes no sense is left out."""
    state: StateFilter = next((each for each in STATES if each == values.get("state")), "open")
    kind = values.get("kind", "")
    return ActionFilter(
        state=state,
        owner=one_line(values.get("owner", ""), 63),
        incident=one_line(values.get("incident", ""), 20).upper(),
        kind=kind if kind in KINDS else "",
    )
