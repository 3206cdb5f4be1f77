"""What other domains may call. `tx` first, the actor second where something is written.

    find_person(tx, handle) -> Person | None      get_person(tx, handle) -> Person
    list_people(tx) -> tuple[Person, ...]         effective_roles(tx, handle) -> frozenset[str]
    assume_role(tx, actor, handle, role, *, until, cause) -> None
    invite(tx, actor, *, handle, name, email, roles, time_zone, managed_by) -> str   (the one-time code)
    decide(roles, resource, level) -> bool        explain(roles, resource, level) -> Explanation
`get_` raises NotFound. `roles` on a Person are the effective ones at `tx.now`.
"""

from __future__ import annotations

from staycalm.domains.accounts.decisions import (
    LEVELS,
    RESOURCES,
    ROLES,
    STANDING_ROLES,
    Explanation,
    Level,
    Resource,
    Role,
    decide,
    explain,
)
from staycalm.domains.accounts.people import Identity, Person

__all__ = [
    "LEVELS",
    "RESOURCES",
    "ROLES",
    "STANDING_ROLES",
    "Explanation",
    "Identity",
    "Level",
    "Person",
    "Resource",
    "Role",
    "decide",
    "explain",
]
