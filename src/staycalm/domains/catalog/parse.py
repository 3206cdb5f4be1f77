"""The file as a whole: located values into declared things, every problem collected. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from staycalm.core.errors import Invalid
from staycalm.core.placement import Placement
from staycalm.core.zones import find_zone
from staycalm.domains.accounts.public import STANDING_ROLES
from staycalm.domains.catalog.config import (
    SERVICE_KINDS,
    Environment,
    Organisation,
    PlacementConfig,
    Service,
    Team,
)
from staycalm.domains.catalog.decisions import find_cycle
from staycalm.domains.catalog.located import Fields, Node
from staycalm.domains.catalog.parse_placement import check_listeners, parse_placement
from staycalm.domains.catalog.questions import FileSection, Names
from staycalm.domains.catalog.yamlfile import read_yaml

OWN_KEYS = ("organisation", "people", "teams", "environments", "services")
PERSON_KEYS = ("name", "email", "time_zone", "roles")
SERVICE_KEYS = (
    "title",
    "kind",
    "tier",
    "team",
    "owners",
    "depends_on",
    "escalation_policy",
    "runbook",
    "placements",
)


@dataclass(frozen=True, slots=True)
class DeclaredPerson:
    """Somebody the file wants to have an account. Roles are standing ones."""

    handle: str
    name: str
    email: str
    time_zone: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class WebManaged:
    """What the web manages, which the file may refer to but never declare."""

    people: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    environments: Mapping[str, bool] = field(default_factory=dict)
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Service name to what it depends on; environment name to whether it is production."""


@dataclass(frozen=True, slots=True)
class CatalogFile:
    """A file without problems. `sections` holds what upper domains parsed, by section name."""

    file: str
    organisation: Organisation
    people: Mapping[str, DeclaredPerson]
    teams: Mapping[str, Team]
    environments: Mapping[str, Environment]
    services: Mapping[str, Service]
    placements: Mapping[str, PlacementConfig]
    web_managed: WebManaged
    sections: Mapping[str, tuple[Any, ...]]


def parse_file(text: str, file: str, web: WebManaged, sections: Sequence[FileSection] = ()) -> CatalogFile:
    """Return what the file declares. Raises Invalid `bad-file` with all problems, each with its line."""
    root = read_yaml(text, file)
    top = root.fields(*OWN_KEYS, *(s.name for s in sections if s.under == "file"))
    person_sections = tuple(s for s in sections if s.under == "person")
    references: dict[str, list[Node]] = {}
    organisation = _organisation(top["organisation"], references)
    entries = _people_entries(top["people"], person_sections, web)
    people = {h: _person(h, f, organisation.time_zone) for h, f in entries.items() if h not in web.people}
    known_people = frozenset({*people, *web.people})
    _refuse_shared_email(entries)
    environments = _environments(top["environments"], web)
    teams = _teams(top["teams"], known_people, web)
    names = (known_people, frozenset({*teams, *web.teams}))
    services, service_fields = _services(top["services"], names, references, web)
    production = {**web.environments, **{e.name: e.is_production for e in environments.values()}}
    placements = _placements(services, service_fields, production, references)
    known = Names(
        people=known_people,
        teams=names[1],
        services=frozenset({*services, *web.services}),
        environments=frozenset(production),
        placements=frozenset(placements),
        references={kind: tuple(nodes) for kind, nodes in references.items()},
        declared={s.name: _keys(top[s.name]) for s in sections if s.under == "file"},
        time_zone=organisation.time_zone,
    )
    parsed = _sections(sections, top, entries, known)
    root.problems.raise_if_any()
    return CatalogFile(
        file=file,
        organisation=organisation,
        people=people,
        teams=teams,
        environments=environments,
        services=services,
        placements={str(key): config for key, config in placements.items()},
        web_managed=web,
        sections=parsed,
    )


def _keys(node: Node) -> frozenset[str]:
    return frozenset(key.raw for key, _ in node.entries()) if node.kind == "mapping" else frozenset()


def _sections(
    sections: Sequence[FileSection], top: Fields, people: Mapping[str, Fields], known: Names
) -> dict[str, tuple[Any, ...]]:
    parsed: dict[str, tuple[Any, ...]] = {}
    for section in sections:
        nodes = [top[section.name]] if section.under == "file" else [f[section.name] for f in people.values()]
        objects: list[Any] = []
        for node in nodes:
            try:
                objects.extend(section.parse(node, known))
            except Invalid as error:
                node.report(error.message, error.next_step)
        parsed[section.name] = tuple(objects)
    return parsed


def _organisation(node: Node, references: dict[str, list[Node]]) -> Organisation:
    f = node.fields("name", "time_zone", "escalation_policy")
    if "escalation_policy" in f:
        references.setdefault("escalation_policy", []).append(f["escalation_policy"])
    return Organisation(f.text("name"), _time_zone(f, "UTC"), f.find_text("escalation_policy"))


def _time_zone(f: Fields, default: str) -> str:
    name = f.text("time_zone", default)
    if find_zone(name or default) is None:
        f["time_zone"].report(f"there is no time zone {name[:100]!r}", "use an IANA name like Europe/Berlin")
        return default
    return name or default


def _people_entries(node: Node, sections: Iterable[FileSection], web: WebManaged) -> dict[str, Fields]:
    entries: dict[str, Fields] = {}
    extra = tuple(section.name for section in sections)
    for key, value in node.entries():
        handle = key.name()
        f = value.fields(*PERSON_KEYS, *extra)
        entries[handle] = f
        if handle in web.people:
            for own in PERSON_KEYS:
                if own in f:
                    f[own].report(f"{handle} is managed on the web", f"remove {own!r} here")
    return entries


def _person(handle: str, f: Fields, time_zone: str) -> DeclaredPerson:
    f.require("name", "email")
    email = f.text("email")
    local, at, domain = email.partition("@")
    if email and (not local or not at or not domain or "@" in domain or any(c.isspace() for c in email)):
        f["email"].report(f"{email!r} is not an e-mail address", "write it like ada@example.org")
    items = f["roles"].nodes()
    for item in items:
        if item.text() == "on-call":
            item.report("nobody holds on-call for ever", "remove it; the schedule gives it for each shift")
    roles = frozenset(item.choice(STANDING_ROLES) for item in items if item.text() != "on-call")
    return DeclaredPerson(handle, f.text("name"), email, _time_zone(f, time_zone), roles)


def _refuse_shared_email(entries: Mapping[str, Fields]) -> None:
    holders: dict[str, str] = {}
    for handle, f in entries.items():
        email = f.text("email").casefold()
        holder = holders.setdefault(email, handle) if email else handle
        if holder != handle:
            f["email"].report(f"{holder} has the same e-mail address", "one person has one account")


def _environments(node: Node, web: WebManaged) -> dict[str, Environment]:
    found: dict[str, Environment] = {}
    for key, value in node.entries():
        name = key.name()
        f = value.fields("production", "title")
        _refuse_web_managed(key, name, web.environments, "environment")
        found[name] = Environment(name, f.boolean("production", name == "production"), f.text("title"))
    return found


def _teams(node: Node, people: frozenset[str], web: WebManaged) -> dict[str, Team]:
    found: dict[str, Team] = {}
    for key, value in node.entries():
        name = key.name()
        f = value.fields("title", "members", "managers", "security_leads")
        _refuse_web_managed(key, name, web.teams, "team")
        members, managers, leads = (
            tuple(item.reference(people, "person") for item in f[part].nodes())
            for part in ("members", "managers", "security_leads")
        )
        found[name] = Team(name, f.text("title"), members, managers, leads)
    return found


def _services(
    node: Node,
    names: tuple[frozenset[str], frozenset[str]],
    references: dict[str, list[Node]],
    web: WebManaged,
) -> tuple[dict[str, Service], dict[str, Fields]]:
    people, teams = names
    found: dict[str, Service] = {}
    all_fields: dict[str, Fields] = {}
    known = {key.raw for key, _ in node.entries()} | set(web.services)
    for key, value in node.entries():
        name = key.name()
        f = value.fields(*SERVICE_KEYS)
        _refuse_web_managed(key, name, web.services, "service")
        if "escalation_policy" in f:
            references.setdefault("escalation_policy", []).append(f["escalation_policy"])
        runbook = f.find_text("runbook")
        if runbook is not None and not runbook.startswith(("http://", "https://")):
            f["runbook"].report(f"{runbook!r} is not a web address", "write it like https://…")
        found[name] = Service(
            name=name,
            title=f.text("title", name),
            kind=f.choice("kind", SERVICE_KINDS, "service"),
            tier=f.integer("tier", 3, least=1, most=4),
            team=f["team"].reference(teams, "team") if "team" in f else None,
            owners=tuple(item.reference(people, "person") for item in f["owners"].nodes()),
            depends_on=tuple(item.reference(known, "service") for item in f["depends_on"].nodes()),
            escalation_policy=f.find_text("escalation_policy"),
            runbook_url=runbook,
        )
        all_fields[name] = f
    _refuse_cycle(found, all_fields, web)
    return found, all_fields


def _refuse_cycle(services: Mapping[str, Service], all_fields: Mapping[str, Fields], web: WebManaged) -> None:
    cycle = find_cycle({**web.services, **{s.name: s.depends_on for s in services.values()}})
    if cycle is not None:
        culprit = next(name for name in cycle if name in all_fields)
        all_fields[culprit]["depends_on"].report(
            f"services depend on each other in a circle: {' → '.join(cycle)}",
            "take one of these out of depends_on",
        )


def _placements(
    services: Mapping[str, Service],
    service_fields: Mapping[str, Fields],
    production: Mapping[str, bool],
    references: dict[str, list[Node]],
) -> dict[Placement, PlacementConfig]:
    found: dict[Placement, PlacementConfig] = {}
    nodes: dict[Placement, Node] = {}
    for name, service in services.items():
        for key, value in service_fields[name]["placements"].entries():
            environment = key.reference(production, "environment")
            placement = Placement(name, environment)
            config = parse_placement(value, placement, service.kind, production.get(environment, False))
            found[placement] = config
            nodes[placement] = value
            strategy = value.find("strategy")
            if strategy is not None:
                references.setdefault("strategy", []).append(strategy)
    check_listeners(found, nodes)
    return found


def _refuse_web_managed(key: Node, name: str, web: Iterable[str], what: str) -> None:
    if name in web:
        key.report(f"{what} {name} is managed on the web", "remove it here, or delete it there first")
