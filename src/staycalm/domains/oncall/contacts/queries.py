"""Reads of contact methods."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from staycalm.core.errors import NotFound
from staycalm.domains.accounts import public as accounts
from staycalm.domains.oncall.contacts.decisions import MAX_METHODS, ContactMethod, account_method, usable
from staycalm.domains.oncall.contacts.model import channels, contact_methods
from staycalm.kit.database import ReadTx

_SELECT = sa.select(contact_methods)


def methods_of(tx: ReadTx, person: str) -> tuple[ContactMethod, ...]:
    """Return a person's methods in order; the address of their account when none is declared."""
    known = accounts.find_person(tx, person)
    return _methods(tx, known) if known is not None else ()


def get_method(tx: ReadTx, id: str) -> ContactMethod:
    """Return one method; raises NotFound. `account:HANDLE` is the address of that account."""
    row = tx.one_or_none(_SELECT.where(contact_methods.c.id == id))
    if row is not None:
        return _method(row)
    kind, _, person = id.partition(":")
    if kind == "account" and (known := accounts.find_person(tx, person)) and known.email:
        return account_method(person, known.email)
    raise NotFound("no-contact-method", f"there is no contact method {id[:80]!r}")


def list_managed_by_file(tx: ReadTx) -> tuple[ContactMethod, ...]:
    """Return every method that the file declares."""
    statement = _SELECT.where(contact_methods.c.managed_by == "file").limit(10_000)
    return tuple(sorted((_method(row) for row in tx.rows(statement)), key=lambda m: (m.person, m.position)))


def configured_channels(tx: ReadTx) -> frozenset[str] | None:
    """Return the channels this server can send through; None while it has never said."""
    kinds = frozenset(row.kind for row in tx.rows(sa.select(channels).limit(50)))
    return kinds - {""} if kinds else None


def reachable_methods(tx: ReadTx, person: str, channels: frozenset[str] | None) -> tuple[ContactMethod, ...]:
    """Return the methods a page to this person would use now; empty when they cannot be paged at all."""
    known = accounts.find_person(tx, person)
    if known is None or not known.is_active:
        return ()
    return usable(_methods(tx, known), channels)


def _methods(tx: ReadTx, person: accounts.Person) -> tuple[ContactMethod, ...]:
    rows = tx.rows(_SELECT.where(contact_methods.c.person == person.handle).limit(MAX_METHODS * 2))
    found = [_method(row) for row in rows]
    declared = sorted((m for m in found if m.managed_by != "account"), key=lambda m: (m.position, m.id))
    if declared or not person.email:
        return tuple(declared)
    held = next((m for m in found if m.address == person.email), None)
    return (held or account_method(person.handle, person.email),)


def _method(row: sa.Row[Any]) -> ContactMethod:
    return ContactMethod(**dict(row._mapping))
