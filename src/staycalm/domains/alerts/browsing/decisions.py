"""The filter of a list of alerts, and how many alerts stand behind each facet. Pure.

A filter is written in the address, so that it can be sent to somebody else and outlives the page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args
from urllib.parse import urlencode

from staycalm.core.errors import Invalid
from staycalm.core.priority import PRIORITIES, Priority, parse_priority

StateFilter = Literal["open", "firing", "acknowledged", "suppressed", "resolved", "all"]
STATES: tuple[StateFilter, ...] = get_args(StateFilter)
WORDS_LIMIT = 310
SHOWN_PER_FACET = 12
TITLES = {
    "priorities": "Priority", "service": "Service", "environment": "Environment", "team": "Team",
    "source": "Source",
}  # fmt: skip
_LABEL = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]{0,99})=(.{0,200})\Z", re.DOTALL)
_LINE_BREAK = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts are meant; empty words leave open. `label` is `name=value`; `q` is looked for in the text."""

    state: StateFilter = "open"
    priorities: tuple[Priority, ...] = ()
    service: str = ""
    environment: str = ""
    source: str = ""
    team: str = ""
    rule: str = ""
    label: str = ""
    q: str = ""

    @property
    def is_default(self) -> bool:
        return self == AlertFilter()

    @property
    def is_open(self) -> bool:
        """Return True when only open alerts are meant, which is what can be acted on."""
        return self.state not in ("resolved", "all")

    @property
    def label_pair(self) -> tuple[str, str] | None:
        match = _LABEL.match(self.label)
        return (match[1], match[2]) if match else None

    def query(self, **changed: Any) -> str:
        """Return the filter as it stands in an address, with these fields changed; "" for the default one."""
        wanted = replace(self, **changed)
        parts: dict[str, str] = {}
        for field in fields(wanted):
            value = getattr(wanted, field.name)
            if value != field.default:
                is_many = field.name == "priorities"
                parts["priority" if is_many else field.name] = ",".join(value) if is_many else value
        return urlencode(parts)


def parse_filter(values: Mapping[str, str]) -> AlertFilter:
    """Return the filter an address holds; unknown names are ignored. Raises Invalid for an unknown state."""
    words = {name: _words(values.get(name, "")) for name in _WORDS}
    state = values.get("state") or "open"
    if state not in STATES:
        raise Invalid("bad-state", f"{state[:40]!r} is no state of alerts", next_step=f"Use {', '.join(STATES)}.")
    if words["label"] and not _LABEL.match(words["label"]):
        raise Invalid("bad-label", f"{words['label'][:60]!r} is no label", next_step="Write it as name=value.")
    priority = values.get("priority", "")
    wanted = {parse_priority(word) for word in priority.split(",") if word.strip()}
    priorities = tuple(p for p in PRIORITIES if p in wanted) if wanted != set(PRIORITIES) else ()
    return AlertFilter(state=state, priorities=priorities, **words)


_WORDS = ("service", "environment", "source", "team", "rule", "label", "q")


def _words(text: str) -> str:
    return _LINE_BREAK.sub(" ", text).strip()[:WORDS_LIMIT]


@dataclass(frozen=True, slots=True)
class Heap:
    """`many` alerts that look alike to every facet."""

    priority: Priority
    state: str
    service: str
    environment: str
    source: str
    many: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a facet: how many alerts it would leave, and the address that leads there (or back)."""

    value: str
    label: str
    many: int
    is_chosen: bool
    query: str


@dataclass(frozen=True, slots=True)
class Facet:
    """One question to ask of the list. `more` values have too few alerts to be shown."""

    name: str
    title: str
    choices: tuple[Choice, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """What one look over the heaps counts: all that match, and per part of the filter what it would leave."""

    matching: int
    by_part: Mapping[str, Counter[str]]

    @property
    def states(self) -> dict[str, int]:
        """Return how many open alerts each state has under the rest of the filter."""
        counted = self.by_part["state"]
        return {"open": sum(counted.values()), **{state: counted[state] for state in STATES[1:4]}}


def tally_of(heaps: Iterable[Heap], wanted: AlertFilter, teams: Mapping[str, str]) -> Tally:
    """Return the counts. `teams` names the team of a service.

    A heap that all parts let through counts everywhere; one that a single part keeps out counts there alone.
    """
    by_part: dict[str, Counter[str]] = {name: Counter() for name in ("state", *TITLES)}
    matching = 0
    for heap in heaps:
        values = {
            "state": heap.state, "priorities": heap.priority, "service": heap.service,
            "environment": heap.environment, "team": teams.get(heap.service, ""), "source": heap.source,
        }  # fmt: skip
        against = [name for name, value in values.items() if not _lets_through(wanted, name, value)]
        if len(against) > 1:
            continue
        for name in against or values:
            by_part[name][values[name]] += heap.many
        if not against:
            matching += heap.many
    return Tally(matching, by_part)


def facets_of(tally: Tally, wanted: AlertFilter) -> tuple[Facet, ...]:
    """Return the facets. A chosen value is always shown, even with nothing behind it."""
    return tuple(_facet(name, title, tally.by_part[name], wanted) for name, title in TITLES.items())


def _lets_through(wanted: AlertFilter, name: str, value: str) -> bool:
    asked = getattr(wanted, name)
    if name == "priorities":
        return not asked or value in asked
    return asked in ("", value) or (name == "state" and asked in ("open", "all"))


def _facet(name: str, title: str, found: Counter[str], wanted: AlertFilter) -> Facet:
    chosen = wanted.priorities if name == "priorities" else tuple(v for v in (getattr(wanted, name),) if v)
    counted = {value: found[value] for value in (*chosen, *found) if value}
    ranked = sorted(counted.items(), key=lambda item: (item[0] not in chosen, -item[1], item[0]))
    if name == "priorities":
        ranked = sorted(counted.items())
    choices = tuple(
        Choice(value, value, many, value in chosen, _toggled(wanted, name, value, chosen))
        for value, many in ranked[:SHOWN_PER_FACET]
    )
    return Facet(name, title, choices, max(0, len(ranked) - SHOWN_PER_FACET))


def _toggled(wanted: AlertFilter, name: str, value: str, chosen: Sequence[str]) -> str:
    if name != "priorities":
        return wanted.query(**{name: "" if value in chosen else value})
    kept = set(chosen) ^ {value}
    return wanted.query(priorities=tuple(p for p in PRIORITIES if p in kept))
