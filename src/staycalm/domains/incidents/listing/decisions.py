"""The filter of the list of incidents. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args
from urllib.parse import urlencode

from staycalm.core.errors import Invalid
from staycalm.core.priority import Priority, parse_priority

StateFilter = Literal["all", "open", "triage", "investigating", "mitigated", "resolved", "closed"]
STATES: tuple[StateFilter, ...] = get_args(StateFilter)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """Which incidents are meant; empty words leave open. `q` is looked for in the title, or is INC-n."""

    state: StateFilter = "all"
    priority: Priority | Literal[""] = ""
    service: str = ""
    environment: str = ""
    q: str = ""

    @property
    def is_default(self) -> bool:
        return self == IncidentFilter()

    def query(self, **changed: Any) -> str:
        """Return the filter as it stands in an address, with these fields changed; "" for the default one."""
        wanted = replace(self, **changed)
        parts = {f.name: getattr(wanted, f.name) for f in fields(wanted)}
        return urlencode({f.name: parts[f.name] for f in fields(wanted) if parts[f.name] != f.default})


def parse_filter(values: Mapping[str, str]) -> IncidentFilter:
    """Return the filter an address holds; unknown names are ignored. Raises Invalid for an unknown state."""
    state = values.get("state") or "all"
    if state not in STATES:
        next_step = f"Use {', '.join(STATES)}."
        raise Invalid("bad-state", f"{state[:40]!r} is no state of an incident", next_step=next_step)
    words = {
        name: _CONTROL.sub(" ", values.get(name, "")).strip()[:200] for name in ("service", "environment", "q")
    }
    priority = values.get("priority", "")
    return IncidentFilter(state=state, priority=parse_priority(priority) if priority else "", **words)
