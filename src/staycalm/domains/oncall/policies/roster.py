"""Who a target reaches just now; each question goes to the database once per transaction step."""

from __future__ import annotations

from collections.abc import Iterable

from staycalm.domains.catalog import public as catalog
from staycalm.domains.oncall.contacts.decisions import ContactMethod
from staycalm.domains.oncall.contacts.queries import configured_channels, reachable_methods
from staycalm.domains.oncall.policies.decisions import Target
from staycalm.domains.oncall.schedules.decisions import Turn
from staycalm.domains.oncall.schedules.queries import find_schedule, turn_now
from staycalm.kit.database import ReadTx


class Roster:
    """The answers of one transaction: it lives as long as that one and no longer."""

    def __init__(self, tx: ReadTx) -> None:
        self._tx = tx
        self._channels = configured_channels(tx)
        self._turns: dict[str, Turn | None] = {}
        self._methods: dict[str, tuple[ContactMethod, ...]] = {}

    def people_of(self, target: Target) -> tuple[str, ...]:
        """Return the handles a target stands for now, whether or not they can be reached."""
        if target.kind == "person":
            return (target.name,)
        if target.kind == "team":
            return catalog.team_members(self._tx, target.name)
        if target.name not in self._turns:
            schedule = find_schedule(self._tx, target.name)
            self._turns[target.name] = turn_now(self._tx, schedule) if schedule is not None else None
        turn = self._turns[target.name]
        holder = turn.holder(target.role) if turn is not None else None
        return (holder,) if holder is not None else ()

    def methods_of(self, person: str) -> tuple[ContactMethod, ...]:
        """Return what a page to this person would use now; empty when they cannot be paged."""
        if person not in self._methods:
            self._methods[person] = reachable_methods(self._tx, person, self._channels)
        return self._methods[person]

    def reachable(self, targets: Iterable[Target]) -> tuple[str, ...]:
        """Return the handles that the targets reach: active, with a contact method this server can use."""
        people = dict.fromkeys(person for target in targets for person in self.people_of(target))
        return tuple(person for person in people if self.methods_of(person))
