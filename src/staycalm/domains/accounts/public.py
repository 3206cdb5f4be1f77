"""What other domains may call. `tx` first, the actor second where something is written.

    find_person(tx, handle) -> Person | None      get_person(tx, handle) -> Person
    list_people(tx) -> tuple[Person, ...]         effective_roles(tx, handle) -> frozenset[str]
    assume_role(tx, actor, handle, role, *, until, cause) -> None
    invite(tx, actor, *, handle, name, email, roles, time_zone, managed_by) -> Invitation | None
    change_person(tx, actor, handle, *, name, email, roles, time_zone, managed_by)
    deactivate(tx, actor, handle, *, managed_by)
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
from staycalm.domains.accounts.people import Identity, Invitation, Person
from staycalm.domains.accounts.queries import effective_roles, find_person, get_person, list_people
from staycalm.domains.accounts.service import (
    assume_role,
    change_person,
    deactivate,
    invite,
    refuse_other_manager,
)

__all__ = [
    "LEVELS",
    "RESOURCES",
    "ROLES",
    "STANDING_ROLES",
    "Explanation",
    "Identity",
    "Invitation",
    "Level",
    "Person",
    "Resource",
    "Role",
    "assume_role",
    "change_person",
    "deactivate",
    "decide",
    "effective_roles",
    "explain",
    "find_person",
    "get_person",
    "invite",
    "list_people",
    "refuse_other_manager",
]
