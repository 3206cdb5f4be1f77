"""Writing the catalog: a whole file at once, or one service from the web."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from staycalm.core.actor import Actor
from staycalm.core.errors import Conflict, Forbidden, Invalid
from staycalm.core.placement import Placement, check_name
from staycalm.domains.accounts.public import (
    Invitation,
    change_person,
    deactivate,
    find_person,
    invite,
    refuse_other_manager,
)
from staycalm.domains.catalog.config import PlacementConfig, Service
from staycalm.domains.catalog.decisions import difference, find_cycle
from staycalm.domains.catalog.events import CatalogChanged, FileApplied, PlacementChanged
from staycalm.domains.catalog.model import environments, organisation, placements, services, teams
from staycalm.domains.catalog.parse import CatalogFile
from staycalm.domains.catalog.plan import Plan, make_plan, web_managed
from staycalm.domains.catalog.queries import body_of, find_service, find_team, list_services
from staycalm.domains.catalog.questions import Change, FileSection
from staycalm.kit.database import Tx


@dataclass(frozen=True, slots=True)
class Applied:
    """What was changed, and the links of the people who are new: secrets, shown this once."""

    changes: tuple[Change, ...]
    invitations: tuple[Invitation, ...]


def apply_file(
    tx: Tx, actor: Actor, file: CatalogFile, sections: Sequence[FileSection], *, may_change_people: bool
) -> Applied:
    """The file is in force, or nothing was changed. The same file again changes nothing and logs nothing.

    Raises Conflict when the web changed meanwhile what the file was read against, Forbidden when the
    file changes people and the actor may not.
    """
    if not make_plan(tx, file, sections).changes:
        return Applied((), ())
    _take_turn(tx)
    if web_managed(tx) != file.web_managed:
        raise Conflict(
            "catalog-moved", "something was changed on the web meanwhile", next_step="Run the same command again."
        )
    plan = make_plan(tx, file, sections)
    if plan.people and not may_change_people:
        raise Forbidden(
            "people-change",
            f"the file changes people ({plan.people[0].kind} {plan.people[0].what}), which asks for people:write",
            next_step="Let an admin apply it, or take the change of people out.",
        )
    invitations = _apply_people(tx, actor, plan, file)
    _apply_own(tx, actor, plan, file)
    for section in sections:
        section.apply(tx, actor, file.sections.get(section.name, ()))
    # Last, because people may only go when no team and no schedule names them any more.
    for change in plan.people:
        if change.kind == "remove":
            deactivate(tx, actor, _name(change), managed_by="file")
    kinds = [change.kind for change in plan.changes]
    tx.emit(
        actor,
        FileApplied(
            subject="catalog",
            file=file.file,
            added=kinds.count("add"),
            changed=kinds.count("change"),
            removed=kinds.count("remove"),
        ),
    )
    return Applied(plan.changes, invitations)


def put_service(tx: Tx, actor: Actor, service: Service) -> Service:
    """The service is declared and managed by the web. Raises Invalid for unknown names or a cycle, Conflict
    when the file manages it."""
    check_name(service.name, "service")
    _take_turn(tx)
    new = replace(service, managed_by="web")
    old = find_service(tx, new.name)
    if old is not None:
        refuse_other_manager(old.managed_by, "web", f"service {new.name}")
    _check_named(tx, new)
    changes = difference("service", {} if old is None else {new.name: old}, {new.name: new})
    _apply_rows(tx, actor, services, changes, {new.name: asdict(new)})
    return new


def remove_service(tx: Tx, actor: Actor, name: str) -> None:
    """The web-managed service is gone from the catalog. Raises NotFound, or Conflict when others depend on it."""
    old = find_service(tx, name)
    if old is None:
        return
    refuse_other_manager(old.managed_by, "web", f"service {name}")
    dependants = [each.name for each in list_services(tx) if name in each.depends_on]
    if dependants:
        raise Conflict(
            "service-needed", f"{', '.join(dependants)} depend on {name}", next_step="Change them first."
        )
    _apply_rows(tx, actor, services, (Change("remove", f"service {name}"),), {})


def _take_turn(tx: Tx) -> None:
    """Nobody else writes the catalog until this ends: two halves of a cycle are not committed at once."""
    tx.next_number("catalog")


def _check_named(tx: Tx, service: Service) -> None:
    known = {each.name: each.depends_on for each in list_services(tx)} | {service.name: service.depends_on}
    wrong = [f"service {name!r}" for name in service.depends_on if name not in known]
    wrong += [f"person {handle!r}" for handle in service.owners if find_person(tx, handle) is None]
    if service.team is not None and find_team(tx, service.team) is None:
        wrong.append(f"team {service.team!r}")
    if wrong:
        raise Invalid("unknown-name", f"there is no {', no '.join(wrong)}", next_step="Declare it first.")
    cycle = find_cycle(known)
    if cycle is not None:
        raise Invalid(
            "dependency-cycle",
            f"services depend on each other in a circle: {' → '.join(cycle)}",
            next_step="Take one of these out of depends_on.",
        )


def _apply_people(tx: Tx, actor: Actor, plan: Plan, file: CatalogFile) -> tuple[Invitation, ...]:
    invitations: list[Invitation] = []
    for change in plan.people:
        if change.kind == "remove":
            continue
        person = file.people[_name(change)]
        values: dict[str, Any] = {
            "name": person.name,
            "email": person.email,
            "roles": person.roles,
            "time_zone": person.time_zone,
        }
        if change.kind == "change":
            change_person(tx, actor, person.handle, managed_by="file", **values)
            continue
        invitation = invite(tx, actor, handle=person.handle, managed_by="file", **values)
        if invitation is not None:
            invitations.append(invitation)
    return tuple(invitations)


def _apply_own(tx: Tx, actor: Actor, plan: Plan, file: CatalogFile) -> None:
    if plan.organisation:
        tx.upsert(organisation, {"id": 1, **asdict(file.organisation)}, on=["id"])
        (change,) = plan.organisation
        tx.emit(
            actor, CatalogChanged(subject="organisation", kind="change", what="organisation", detail=change.detail)
        )
    for table, changes, things in (
        (teams, plan.teams, file.teams),
        (environments, plan.environments, file.environments),
        (services, plan.services, file.services),
    ):
        _apply_rows(tx, actor, table, changes, {name: asdict(each) for name, each in things.items()})
    for change in plan.placements:
        _apply_placement(tx, actor, change, file.placements)


def _apply_rows(
    tx: Tx, actor: Actor, table: sa.Table, changes: Sequence[Change], rows: Mapping[str, dict[str, Any]]
) -> None:
    as_json: Callable[[Any], Any] = lambda value: list(value) if isinstance(value, tuple) else value  # noqa: E731
    for change in changes:
        name = _name(change)
        if change.kind == "remove":
            tx.execute(table.update().where(table.c.name == name).values(removed_at=tx.now))
        else:
            row = {key: as_json(value) for key, value in rows[name].items()}
            tx.upsert(table, {**row, "removed_at": None}, on=["name"])
        kind, _, _ = change.what.partition(" ")
        tx.emit(
            actor,
            CatalogChanged(
                subject=f"{kind}/{name}",
                service=name if kind == "service" else None,
                environment=name if kind == "environment" else None,
                kind=change.kind,
                what=change.what,
                detail=change.detail,
            ),
        )


def _apply_placement(tx: Tx, actor: Actor, change: Change, configs: Mapping[str, PlacementConfig]) -> None:
    placement = Placement.parse(_name(change))
    key = {"service": placement.service, "environment": placement.environment}
    if change.kind == "remove":
        mine = sa.and_(*(placements.c[name] == value for name, value in key.items()))
        tx.execute(placements.update().where(mine).values(removed_at=tx.now))
    else:
        body = body_of(configs[str(placement)])
        tx.upsert(placements, {**key, "config": body, "removed_at": None}, on=["service", "environment"])
    tx.emit(
        actor, PlacementChanged(subject=f"placement/{placement}", kind=change.kind, detail=change.detail, **key)
    )


def _name(change: Change) -> str:
    return change.what.partition(" ")[2]
