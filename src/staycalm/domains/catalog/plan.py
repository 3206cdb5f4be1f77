"""What has to change for a file to be in force: catalog's own sections, then those of domains above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from staycalm.domains.accounts.public import Person, list_people
from staycalm.domains.catalog import queries
from staycalm.domains.catalog.config import Organisation
from staycalm.domains.catalog.decisions import difference
from staycalm.domains.catalog.parse import CatalogFile, DeclaredPerson, WebManaged
from staycalm.domains.catalog.questions import Change, FileSection
from staycalm.kit.database import ReadTx

PLACEMENT_HIDDEN = frozenset({"env"})


@dataclass(frozen=True, slots=True)
class Plan:
    """The difference, in the order it is applied. `people` are changes that ask for people:write."""

    organisation: tuple[Change, ...]
    people: tuple[Change, ...]
    teams: tuple[Change, ...]
    environments: tuple[Change, ...]
    services: tuple[Change, ...]
    placements: tuple[Change, ...]
    sections: tuple[tuple[str, tuple[Change, ...]], ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        own = (self.organisation, self.people, self.teams, self.environments, self.services, self.placements)
        return tuple(change for part in (*own, *(found for _, found in self.sections)) for change in part)


def web_managed(tx: ReadTx) -> WebManaged:
    """Return what the web manages now: a file may refer to it but not declare it."""
    return WebManaged(
        people=frozenset(person.handle for person in list_people(tx) if person.managed_by == "web"),
        teams=frozenset(team.name for team in queries.list_teams(tx, managed_by="web")),
        environments={each.name: each.is_production for each in queries.list_environments(tx, managed_by="web")},
        services={each.name: each.depends_on for each in queries.list_services(tx, managed_by="web")},
    )


def make_plan(tx: ReadTx, file: CatalogFile, sections: Sequence[FileSection]) -> Plan:
    """Return the difference between the file and what is in force; nothing is changed."""
    people = {p.handle: declared(p) for p in list_people(tx) if p.managed_by == "file"}
    teams = {each.name: each for each in queries.list_teams(tx, managed_by="file")}
    environments = {each.name: each for each in queries.list_environments(tx, managed_by="file")}
    services = {each.name: each for each in queries.list_services(tx, managed_by="file")}
    placements = {str(each.placement): each for each in queries.list_placements(tx)}
    return Plan(
        organisation=_organisation(queries.get_organisation(tx), file.organisation),
        people=difference("person", people, file.people),
        teams=difference("team", teams, file.teams),
        environments=difference("environment", environments, file.environments),
        services=difference("service", services, file.services),
        placements=difference("placement", placements, file.placements, hidden=PLACEMENT_HIDDEN),
        sections=tuple((each.name, tuple(each.plan(tx, file.sections.get(each.name, ())))) for each in sections),
    )


def declared(person: Person) -> DeclaredPerson:
    """Return an account as the file would declare it."""
    return DeclaredPerson(person.handle, person.name, person.email, person.time_zone, person.standing_roles)


def _organisation(old: Organisation, new: Organisation) -> tuple[Change, ...]:
    changes = difference("organisation", {"": old}, {"": new})
    return tuple(Change(each.kind, "organisation", each.detail) for each in changes)
