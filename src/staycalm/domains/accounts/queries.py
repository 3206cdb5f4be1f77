"""Reading people and the roles they hold now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from staycalm.core.errors import NotFound
from staycalm.domains.accounts.model import links, people, role_assumptions
from staycalm.domains.accounts.people import AssumedRole, Link, Person
from staycalm.domains.accounts.secrets import digest
from staycalm.kit.database import ReadTx

MOST_PEOPLE = 10_000


def find_person(tx: ReadTx, handle: str) -> Person | None:
    """Return the person, active or not, with the roles held at `tx.now`."""
    row = tx.one_or_none(people.select().where(people.c.handle == handle))
    return None if row is None else _person(row, _assumed(tx, handle)[handle])


def get_person(tx: ReadTx, handle: str) -> Person:
    """Return the person; raises NotFound."""
    person = find_person(tx, handle)
    if person is None:
        raise NotFound(
            "no-person", f"there is no person {handle!r}", next_step="All handles are under /api/v1/people."
        )
    return person


def list_people(tx: ReadTx, *, even_inactive: bool = False) -> tuple[Person, ...]:
    """Return everybody by handle."""
    wanted = sa.true() if even_inactive else people.c.is_active
    assumed = _assumed(tx, None)
    rows = tx.rows(people.select().where(wanted).order_by(people.c.handle).limit(MOST_PEOPLE))
    return tuple(_person(row, assumed[row.handle]) for row in rows)


def effective_roles(tx: ReadTx, handle: str) -> frozenset[str]:
    """Return the roles held at `tx.now`: standing and assumed; none when inactive or unknown."""
    person = find_person(tx, handle)
    return person.roles if person is not None and person.is_active else frozenset()


def standing_roles(tx: ReadTx, handle: str) -> frozenset[str]:
    """Return the roles held without an end."""
    return frozenset(tx.scalar(sa.select(people.c.roles).where(people.c.handle == handle)) or ())


def has_anybody(tx: ReadTx) -> bool:
    """Return whether an account exists at all."""
    return tx.scalar(sa.select(people.c.handle).limit(1)) is not None


def find_link(tx: ReadTx, code: str, purpose: str) -> Link | None:
    """Return the one-time link of this code if it is still good at `tx.now`."""
    row = tx.one_or_none(
        links.select().where(
            links.c.code_hash == digest(code),
            links.c.purpose == purpose,
            links.c.used_at.is_(None),
            links.c.expires_at > tx.now,
        )
    )
    return None if row is None else Link(row.purpose, row.handle, row.expires_at)


def _assumed(tx: ReadTx, handle: str | None) -> defaultdict[str, list[AssumedRole]]:
    statement = sa.select(role_assumptions).where(
        role_assumptions.c.since <= tx.now, role_assumptions.c.until > tx.now
    )
    if handle is not None:
        statement = statement.where(role_assumptions.c.handle == handle)
    found: defaultdict[str, list[AssumedRole]] = defaultdict(list)
    for row in tx.rows(statement.order_by(role_assumptions.c.until).limit(MOST_PEOPLE)):
        found[row.handle].append(AssumedRole(row.role, row.until, row.cause))
    return found


def _person(row: Any, assumed: Sequence[AssumedRole]) -> Person:
    return Person(
        handle=row.handle,
        name=row.name,
        email=row.email,
        time_zone=row.time_zone,
        is_active=row.is_active,
        roles=frozenset({*row.roles, *(each.role for each in assumed)}) if row.is_active else frozenset(),
        standing_roles=frozenset(row.roles),
        managed_by=row.managed_by,
        has_password=row.password_hash is not None,
        assumed=tuple(assumed) if row.is_active else (),
    )
