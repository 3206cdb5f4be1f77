"""The key `contact_methods` of every entry under `people` in staycalm.yaml."""

from __future__ import annotations

from typing import Literal

from staycalm.core.actor import Actor
from staycalm.core.errors import Invalid
from staycalm.domains.catalog.public import Change, Names, Node
from staycalm.domains.oncall.contacts import queries, service
from staycalm.domains.oncall.contacts.decisions import KINDS, MAX_METHODS, ContactMethod, check_address
from staycalm.kit.database import ReadTx, Tx
from staycalm.ports.messages import ChannelKind

MOST_DELAY_S = 86400.0


class ContactMethodsSection:
    """`contact_methods: [{ntfy: https://ntfy.sh/topic}, {email: a@example.com, after: 2m}]`, in their order.

    `after` is the delay behind the page, or `failure`: used only when another one has failed.
    """

    name = "contact_methods"
    under: Literal["file", "person"] = "person"

    def parse(self, node: Node, names: Names) -> tuple[ContactMethod, ...]:
        items = node.nodes()
        if len(items) > MAX_METHODS:
            node.report(f"{len(items)} contact methods", f"use at most {MAX_METHODS}")
        found: list[ContactMethod] = []
        for position, item in enumerate(items):
            method = _parse(item, node.path[1] if len(node.path) > 1 else "", position)
            if method is not None and any((m.kind, m.address) == (method.kind, method.address) for m in found):
                item.report("this contact method stands here a second time", "keep one of them")
            elif method is not None:
                found.append(method)
        return tuple(found)

    def plan(self, tx: ReadTx, objects: tuple[ContactMethod, ...]) -> tuple[Change, ...]:
        held = {_key(method): method for method in queries.list_managed_by_file(tx)}
        wanted = {_key(method): method for method in objects}
        changes: list[Change] = []
        for key, method in wanted.items():
            old = held.get(key)
            if old is None:
                changes.append(Change("add", _what(method)))
            elif (old.position, old.after_s) != (method.position, method.after_s):
                changes.append(Change("change", _what(method), "order or delay"))
        return (*changes, *(Change("remove", _what(old)) for key, old in held.items() if key not in wanted))

    def apply(self, tx: Tx, actor: Actor, objects: tuple[ContactMethod, ...]) -> None:
        service.replace_file_methods(tx, actor, objects)


def _parse(node: Node, person: str, position: int) -> ContactMethod | None:
    f = node.fields(*KINDS, "after")
    present: list[ChannelKind] = [kind for kind in KINDS if kind in f]
    if len(present) != 1:
        node.report("a contact method has one kind of address", f"write one of: {', '.join(KINDS)}")
        return None
    kind = present[0]
    after_s: float | None = 0.0
    if "after" in f:
        is_reserve = f["after"].raw == "failure"
        after_s = None if is_reserve else f.duration_s("after", 0.0, most_s=MOST_DELAY_S)
    try:
        address = check_address(kind, f.text(kind))
    except Invalid as error:
        f[kind].report(error.message, error.next_step)
        return None
    return ContactMethod(
        id="", person=person, kind=kind, address=address, position=position, after_s=after_s, managed_by="file"
    )


def _key(method: ContactMethod) -> tuple[str, str, str]:
    return method.person, method.kind, method.address


def _what(method: ContactMethod) -> str:
    return f"contact method of {method.person}: {method.kind} {method.shown_address}"
