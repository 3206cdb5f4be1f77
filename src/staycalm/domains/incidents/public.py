"""What other domains may call. `tx` first, the actor second where something is written.

    declare(tx, actor, *, title, priority, service=None, environment=None, cause=None) -> Declared
    get_incident(tx, "INC-7") -> Incident        find_open_for(tx, placement) -> Incident | None
    open_incidents(tx, *, limit) -> tuple[Incident, ...], the most urgent first
    standings(tx, incidents) -> dict[str, Standing], who has each of them, and whether it came back
`get_` raises NotFound.
"""

from __future__ import annotations

from staycalm.domains.incidents.causes.service import Declared, declare
from staycalm.domains.incidents.people.decisions import Standing
from staycalm.domains.incidents.people.queries import standings
from staycalm.domains.incidents.queries import Incident, find_open_for, get_incident, open_incidents

__all__ = [
    "Declared",
    "Incident",
    "Standing",
    "declare",
    "find_open_for",
    "get_incident",
    "open_incidents",
    "standings",
]
