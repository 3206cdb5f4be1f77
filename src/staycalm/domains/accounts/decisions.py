"""The access matrix as one table, and the decision it gives. SOP §1.1. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from staycalm.core.errors import Invalid

Role = Literal["support", "developer", "devops", "on-call", "admin", "ci"]
Resource = Literal[
    "logs", "metrics", "deploy", "config", "database", "secrets",
    "incidents", "alerts", "oncall", "catalog", "people", "audit",
]  # fmt: skip
Level = Literal["none", "read", "write"]

ROLES: tuple[str, ...] = get_args(Role)
RESOURCES: tuple[str, ...] = get_args(Resource)
STANDING_ROLES: tuple[str, ...] = ("support", "developer", "devops", "admin")
"""What a person may hold for ever. On-call lasts for a shift; ci belongs to tokens, not to people."""
LEVELS: tuple[str, ...] = get_args(Level)
_RANK = {"none": 0, "read": 1, "write": 2}

# The first six columns are the SOP's table: "Read-only" is read, a cross is none, a tick is all there
# is to do with the resource: write, but read for logs and metrics, which nobody changes (tier 1, "Read-Only").
# ci is the "Automated CI/CD only" tier: it deploys and sees what it deploys, nothing else.
# Everybody signed in declares and reads incidents, acknowledges alerts and pages; changing rules,
# silences, maintenance and overrides asks for config.
_COLUMNS = ("logs", "metrics", "deploy", "config", "database", "secrets",
            "incidents", "alerts", "oncall", "catalog", "people", "audit")  # fmt: skip
_ROWS = """
support    read  read  none  none  none  none  write write write read  read  read
developer  read  read  none  none  none  none  write write write read  read  read
devops     read  read  write write read  read  write write write write read  read
on-call    read  read  write write write read  write write write write read  read
admin      read  read  write write write write write write write write write write
ci         read  read  write none  none  none  none  none  none  read  none  none
"""
MATRIX: Mapping[str, Mapping[str, str]] = {
    row.split()[0]: dict(zip(_COLUMNS, row.split()[1:], strict=True)) for row in _ROWS.strip().splitlines()
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a request was allowed or refused: the role and cell that decided."""

    is_allowed: bool
    resource: str
    level: str
    role: str | None
    sentence: str


def decide(roles: Iterable[str], resource: str, level: str) -> bool:
    """Return whether any of `roles` holds at least `level` on `resource`; an unknown role holds nothing."""
    return explain(roles, resource, level).is_allowed


def explain(roles: Iterable[str], resource: str, level: str) -> Explanation:
    """Return the decision and the cell that made it. Raises Invalid for a resource or level not in the table."""
    _check(resource, level)
    held = sorted(set(roles) & set(ROLES), key=ROLES.index)
    for role in held:
        if _RANK[MATRIX[role][resource]] >= _RANK[level]:
            cell = MATRIX[role][resource]
            return Explanation(True, resource, level, role, f"{role} has {cell} on {resource}")
    enough = [role for role in ROLES if _RANK[MATRIX[role][resource]] >= _RANK[level]]
    mine = ", ".join(f"{role} has {MATRIX[role][resource]}" for role in held) or "no role is held"
    sentence = f"{resource} needs {level}: {mine}; it is had by {', '.join(enough)}"
    return Explanation(False, resource, level, None, sentence)


def narrow(held: Iterable[str], wanted: Iterable[str]) -> frozenset[str]:
    """Return the roles a token really has now: those it was made with that its owner still holds."""
    return frozenset(held) & frozenset(wanted)


def check_role(role: str) -> str:
    """Return `role`; raises Invalid when the matrix has no such row."""
    if role not in MATRIX:
        raise Invalid("bad-role", f"there is no role {role!r}", next_step=f"Use one of: {', '.join(ROLES)}.")
    return role


def _check(resource: str, level: str) -> None:
    if resource not in RESOURCES:
        raise Invalid("bad-resource", f"there is no resource {resource!r}")
    if level not in ("read", "write"):
        raise Invalid("bad-level", f"{level!r} is not a level one can ask for")
