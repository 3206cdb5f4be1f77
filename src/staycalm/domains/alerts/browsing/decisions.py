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


def count_matching(heaps: Iterable[Heap], wanted: AlertFilter, teams: Mapping[str, str]) -> int:
    """Return how many alerts of the heaps the whole filter leaves."""
    return sum(heap.many for heap in heaps if _matches(heap, wanted, teams))


def facets_of(heaps: Sequence[Heap], wanted: AlertFilter, teams: Mapping[str, str]) -> tuple[Facet, ...]:
    """Return the facets; the counts of each are those under all the other parts of the filter.

    `teams` names the team of a service. A chosen value is always shown, even with nothing behind it.
    """
    return tuple(
        _facet(name, title, heaps, wanted, teams)
        for name, title in (
            ("priorities", "Priority"), ("service", "Service"), ("environment", "Environment"), ("team", "Team"),
            ("source", "Source"),
        )
    )  # fmt: skip


def count_states(heaps: Iterable[Heap], wanted: AlertFilter, teams: Mapping[str, str]) -> dict[str, int]:
    """Return how many open alerts each state has under the rest of the filter."""
    counted: Counter[str] = Counter()
    for heap in heaps:
        if _matches(heap, replace(wanted, state="open"), teams):
            counted[heap.state] += heap.many
    return {"open": sum(counted.values()), **{state: counted[state] for state in STATES[1:4]}}


def _facet(name: str, title: str, heaps: Sequence[Heap], wanted: AlertFilter, teams: Mapping[str, str]) -> Facet:
    chosen = wanted.priorities if name == "priorities" else tuple(v for v in (getattr(wanted, name),) if v)
    blank: Any = () if name == "priorities" else ""
    others = replace(wanted, **{name: blank})
    counted: Counter[str] = Counter(dict.fromkeys(chosen, 0))
    for heap in heaps:
        if _matches(heap, others, teams):
            counted[_value(heap, name, teams)] += heap.many
    counted.pop("", None)
    ranked = sorted(counted.items(), key=lambda item: (item[0] not in chosen, -item[1], item[0]))
    if name == "priorities":
        ranked = [(p, counted[p]) for p in PRIORITIES if p in counted]
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


def _value(heap: Heap, name: str, teams: Mapping[str, str]) -> str:
    if name == "team":
        return teams.get(heap.service, "")
    return str(getattr(heap, "priority" if name == "priorities" else name))


def _matches(heap: Heap, wanted: AlertFilter, teams: Mapping[str, str]) -> bool:
    return (
        (not wanted.priorities or heap.priority in wanted.priorities)
        and wanted.state in ("open", "all", heap.state)
        and wanted.service in ("", heap.service)
        and wanted.environment in ("", heap.environment)
        and wanted.source in ("", heap.source)
        and (not wanted.team or teams.get(heap.service) == wanted.team)
    )
