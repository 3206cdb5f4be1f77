"""Writes of contact methods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from staycalm.core.actor import Actor
from staycalm.core.errors import Conflict, Invalid
from staycalm.domains.accounts import public as accounts
from staycalm.domains.oncall.contacts import queries
from staycalm.domains.oncall.contacts.decisions import (
    MAX_METHODS,
    ContactMethod,
    Health,
    ManagedBy,
    check_address,
)
from staycalm.domains.oncall.contacts.model import channels, contact_methods
from staycalm.domains.oncall.events import ContactMethodChanged
from staycalm.kit.database import Tx
from staycalm.ports.messages import ChannelKind


def record_channels(tx: Tx, kinds: Iterable[str]) -> None:
    """From now on a person counts as reachable only through these channels; the server says so at its start."""
    wanted = set(kinds) or {""}
    held = {row.kind for row in tx.rows(sa.select(channels).limit(50))}
    if held == wanted:
        return
    tx.execute(channels.delete())
    tx.execute(channels.insert(), [{"kind": kind} for kind in sorted(wanted)])


def add_method(
    tx: Tx,
    actor: Actor,
    *,
    person: str,
    kind: ChannelKind,
    address: str,
    after_s: float | None = 0.0,
    managed_by: ManagedBy = "web",
) -> ContactMethod:
    """`person` can be reached this way too, after what they had; raises Invalid or Conflict."""
    accounts.get_person(tx, person)
    declared = [m for m in queries.methods_of(tx, person) if m.managed_by != "account"]
    if len(declared) >= MAX_METHODS:
        raise Invalid(
            "too-many-methods", f"{person} has {MAX_METHODS} contact methods", next_step="Remove one first."
        )
    if after_s is not None and not 0 <= after_s <= 86400:
        raise Invalid("bad-delay", "a contact method is used within a day of the page, or only after a failure")
    method = ContactMethod(
        id=tx.ids.uuid(),
        person=person,
        kind=kind,
        address=check_address(kind, address),
        position=max((m.position for m in declared), default=-1) + 1,
        after_s=after_s,
        managed_by=managed_by,
    )
    _forget_account_row(tx, person, method.address)
    if not tx.insert_or_ignore(contact_methods, _values(method), on=["person", "kind", "address"]):
        raise Conflict("same-address", f"{person} already has this {kind} address")
    _tell(tx, actor, method, "added")
    return method


def remove_method(tx: Tx, actor: Actor, id: str) -> None:
    """The person is no longer reached this way; raises NotFound, or Conflict when the file manages it."""
    method = queries.get_method(tx, id)
    if method.managed_by != "web":
        where = "staycalm.yaml" if method.managed_by == "file" else "the account"
        raise Conflict(
            "managed-elsewhere", f"this contact method is managed by {where}", next_step="Change it there."
        )
    tx.execute(contact_methods.delete().where(contact_methods.c.id == id))
    _tell(tx, actor, method, "removed")


def move_method(tx: Tx, actor: Actor, id: str, *, places: int) -> None:
    """The method stands `places` further down in its person's order (up when negative), at most at an end.

    Raises NotFound, or Conflict when the file or the account manages it.
    """
    method = queries.get_method(tx, id)
    if method.managed_by != "web":
        raise Conflict(
            "managed-elsewhere",
            f"the order of {method.person}'s contact methods is managed elsewhere",
            next_step="Change it in staycalm.yaml, or add a method of your own first.",
        )
    ordered = [each for each in queries.methods_of(tx, method.person) if each.id != id]
    now_at = sum((each.position, each.id) < (method.position, id) for each in ordered)
    ordered.insert(min(max(now_at + places, 0), len(ordered)), method)
    moved = [(n, each) for n, each in enumerate(ordered) if each.position != n]
    for position, each in moved:
        tx.execute(contact_methods.update().where(contact_methods.c.id == each.id).values(position=position))
    if moved:
        _tell(tx, actor, method, "moved")


def replace_file_methods(tx: Tx, actor: Actor, wanted: Sequence[ContactMethod]) -> None:
    """Exactly `wanted` are what the file manages; ids of unchanged addresses stay, and so does their health."""
    held = {(m.person, m.kind, m.address): m for m in queries.list_managed_by_file(tx)}
    for key, method in held.items():
        if key not in {(m.person, m.kind, m.address) for m in wanted}:
            tx.execute(contact_methods.delete().where(contact_methods.c.id == method.id))
            _tell(tx, actor, method, "removed")
    for method in wanted:
        old = held.get((method.person, method.kind, method.address))
        if old is None:
            # The same address managed by the web, or standing in from the account, becomes the file's.
            tx.execute(
                contact_methods.delete().where(
                    contact_methods.c.person == method.person,
                    contact_methods.c.kind == method.kind,
                    contact_methods.c.address == method.address,
                )
            )
            tx.execute(contact_methods.insert().values(_values(method) | {"id": tx.ids.uuid()}))
            _tell(tx, actor, method, "added")
        elif (old.position, old.after_s) != (method.position, method.after_s):
            tx.execute(
                contact_methods.update()
                .where(contact_methods.c.id == old.id)
                .values(position=method.position, after_s=method.after_s)
            )


def record_health(tx: Tx, *, person: str, kind: ChannelKind, address: str, health: Health) -> None:
    """The address is known to work or to fail; nothing is written when that is no news."""
    is_its = sa.and_(
        contact_methods.c.person == person,
        contact_methods.c.kind == kind,
        contact_methods.c.address == address,
    )
    held = tx.scalar(sa.select(contact_methods.c.health).where(is_its))
    if held == health:
        return
    if held is None and kind == "email":
        _remember_account_address(tx, person, address)
    tx.execute(contact_methods.update().where(is_its).values(health=health))


def _remember_account_address(tx: Tx, person: str, address: str) -> None:
    method = next((m for m in queries.methods_of(tx, person) if m.managed_by == "account"), None)
    if method is not None and method.address == address:
        is_old = sa.and_(contact_methods.c.id == method.id, contact_methods.c.address != address)
        tx.execute(contact_methods.delete().where(is_old))
        tx.insert_or_ignore(contact_methods, _values(method), on=["id"])


def _forget_account_row(tx: Tx, person: str, address: str) -> None:
    tx.execute(
        contact_methods.delete().where(
            contact_methods.c.person == person,
            contact_methods.c.managed_by == "account",
            contact_methods.c.address == address,
        )
    )


def _values(method: ContactMethod) -> dict[str, object]:
    return {column.name: getattr(method, column.name) for column in contact_methods.columns}


def _tell(tx: Tx, actor: Actor, method: ContactMethod, change: str) -> None:
    event = ContactMethodChanged(
        subject=f"person/{method.person}", person=method.person, channel=method.kind, change=change
    )
    tx.emit(actor, event)
