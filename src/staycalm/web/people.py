"""People and teams: who is who, who may do what until when, who has the pager, who owns which service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from fastapi import Query, Request, Response

from staycalm.core.actor import Actor
from staycalm.domains.accounts.public import (
    RESOURCES,
    ROLES,
    STANDING_ROLES,
    Person,
    decide,
    get_person,
    list_people,
)
from staycalm.domains.accounts.settings_pages import zone_names
from staycalm.domains.accounts.sign_in.queries import last_seen
from staycalm.domains.catalog.public import Service, Team, get_organisation, list_services, list_teams
from staycalm.domains.oncall.contacts.queries import configured_channels, methods_of, reachable_methods
from staycalm.domains.oncall.policies.queries import list_policies
from staycalm.domains.oncall.schedules.queries import OnCallNow, calendar, list_on_call
from staycalm.kit.database import Database, ReadTx
from staycalm.kit.http import Db, Router, Views, allow, view

page_router = Router(include_in_schema=False)
Reader = Annotated[Actor, allow("people", "read")]
Words = Annotated[str, Query(max_length=200)]
PAGE = 100
CALENDAR_DAYS = 35
MOST_CALENDARS = 20


@dataclass(frozen=True)
class Duty:
    """Somebody's part of a schedule: on call now until then, or from then on."""

    schedule: str
    role: str
    starts_at: datetime | None
    ends_at: datetime | None

    @property
    def is_now(self) -> bool:
        return self.starts_at is None


@dataclass(frozen=True)
class PersonRow:
    """Somebody on the list."""

    person: Person
    seen_at: datetime | None
    teams: tuple[str, ...]
    duties: tuple[Duty, ...]
    is_reachable: bool

    @property
    def is_invited(self) -> bool:
        return self.person.is_active and not self.person.has_password


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filter of the list, as it stands in its address."""

    q: str = ""
    role: str = ""
    team: str = ""
    inactive: bool = False
    page: int = 1

    def query(self, **changed: Any) -> str:
        """Return the filter as it stands in an address, with these parts changed; "" for everybody."""
        told = asdict(replace(self, **changed))
        parts = {name: value for name, value in told.items() if value != getattr(EVERYBODY, name)}
        return urlencode({name: "true" if value is True else value for name, value in parts.items()})


EVERYBODY = Wanted()


@dataclass(frozen=True)
class PeopleList:
    """One page of people. `matching` counts them all."""

    rows: tuple[PersonRow, ...]
    matching: int
    wanted: Wanted
    teams: tuple[str, ...]

    @property
    def has_next(self) -> bool:
        return self.wanted.page * PAGE < self.matching


@dataclass(frozen=True)
class PersonView:
    """Everything about one person."""

    row: PersonRow
    methods: tuple[object, ...]
    owned: tuple[Service, ...]
    of_teams: tuple[Service, ...]
    shifts: tuple[Duty, ...]
    access: dict[str, str]


@dataclass(frozen=True)
class TeamView:
    """A team, its people, what it owns and whom its services page."""

    team: Team
    people: dict[str, PersonRow]
    services: tuple[Service, ...]
    policies: tuple[str, ...]
    on_call: tuple[OnCallNow, ...]


@page_router.get("/people")
async def show_people(
    request: Request, db: Db, who: Reader, q: Words = "", role: Words = "", team: Words = "",
    inactive: bool = False, page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> Response:  # fmt: skip
    """Everybody, filtered by what stands in the address."""
    return await draw_people(request, db, Wanted(q, role, team, inactive, page))


@page_router.get("/teams")
async def show_teams(request: Request, db: Db, who: Reader) -> Response:
    """Every team."""
    return view(request, "web/people/teams.html", teams=await db.read(read_teams))


async def draw_people(
    request: Request, db: Database, wanted: Wanted = EVERYBODY, *, status: int = 200, problem: str = "",
    form: Mapping[str, Any] = MappingProxyType({}),
) -> Response:  # fmt: skip
    """Return the list; `problem` and `form` are of an invitation that was refused."""
    found = await db.read(read_people, wanted)
    may_change = decide(request.state.identity.roles, "people", "write")
    return view(
        request, "web/people/list.html", status=status, found=found, may_change=may_change, all_roles=ROLES[:-1],
        standing=STANDING_ROLES, zones=zone_names() if may_change else (), problem=problem, form=form,
    )  # fmt: skip


async def draw_rows(db: Database, views: Views, key: str) -> str:
    """Return the list's rows; the key is the filter as it stands in the address."""
    told = dict(parse_qsl(key[:1000]))
    page = told.get("page", "1")
    wanted = Wanted(
        told.get("q", ""), told.get("role", ""), told.get("team", ""), told.get("inactive") == "true",
        int(page) if page.isdecimal() else 1,
    )  # fmt: skip
    return views.fragment("web/people/rows.html", found=await db.read(read_people, wanted))


async def draw_person(db: Database, views: Views, key: str) -> str:
    """Return a part of somebody's page: `HANDLE@duty`, when they are on call, or `HANDLE@roles`."""
    handle, _, part = key.partition("@")
    found = await db.read(read_person, handle)
    if part == "roles":
        return views.fragment("web/people/held.html", found=found)
    return views.fragment("web/people/duty.html", found=found, zone=ZoneInfo(found.row.person.time_zone))


async def draw_teams(db: Database, views: Views, key: str) -> str:
    """Return every team."""
    return views.fragment("web/people/team_cards.html", teams=await db.read(read_teams))


def read_people(tx: ReadTx, wanted: Wanted) -> PeopleList:
    """Return one page of the people that match, by handle."""
    teams = list_teams(tx)
    members = {each.name: _everybody_of(each) for each in teams}
    asked = wanted.q.strip().casefold()
    matching = [
        person
        for person in list_people(tx, even_inactive=wanted.inactive)
        if (not asked or asked in f"{person.handle} {person.name} {person.email}".casefold())
        and (not wanted.role or wanted.role in person.roles)
        and (not wanted.team or person.handle in members.get(wanted.team, ()))
    ]
    shown = matching[(wanted.page - 1) * PAGE : wanted.page * PAGE]
    return PeopleList(rows_of(tx, shown, teams), len(matching), wanted, tuple(each.name for each in teams))


def rows_of(tx: ReadTx, people: Iterable[Person], teams: Iterable[Team]) -> tuple[PersonRow, ...]:
    """Return the people with what the list shows of each."""
    of_teams: defaultdict[str, list[str]] = defaultdict(list)
    for team in teams:
        for handle in _everybody_of(team):
            of_teams[handle].append(team.name)
    seen, duties, channels = last_seen(tx), _duties(list_on_call(tx)), configured_channels(tx)
    return tuple(
        PersonRow(
            person,
            seen.get(person.handle),
            tuple(of_teams[person.handle]),
            tuple(sorted(duties[person.handle], key=lambda duty: not duty.is_now)),
            bool(reachable_methods(tx, person.handle, channels)),
        )
        for person in people
    )


def read_person(tx: ReadTx, handle: str) -> PersonView:
    """Return everything about one person; raises NotFound."""
    person = get_person(tx, handle)
    teams = list_teams(tx)
    (row,) = rows_of(tx, [person], teams)
    services = list_services(tx)
    return PersonView(
        row=row,
        methods=methods_of(tx, handle),
        owned=tuple(each for each in services if handle in each.owners),
        of_teams=tuple(each for each in services if each.team in row.teams and handle not in each.owners),
        shifts=_shifts(tx, handle),
        access={resource: _level(person, resource) for resource in RESOURCES},
    )


def read_teams(tx: ReadTx) -> tuple[TeamView, ...]:
    """Return every team by name."""
    teams, services = list_teams(tx), list_services(tx)
    handles = {handle for team in teams for handle in _everybody_of(team)}
    known = [person for person in list_people(tx, even_inactive=True) if person.handle in handles]
    rows = {row.person.handle: row for row in rows_of(tx, known, teams)}
    default = get_organisation(tx).escalation_policy
    schedules = {
        policy.name: {target.name for step in policy.steps for target in step.targets if target.kind == "schedule"}
        for policy in list_policies(tx)
    }
    now = list_on_call(tx)
    found = []
    for team in teams:
        owned = tuple(each for each in services if each.team == team.name)
        policies = sorted({each.escalation_policy or default or "" for each in owned} - {""})
        paged = {name for policy in policies for name in schedules.get(policy, ())}
        on_call = tuple(each for each in now if each.schedule in paged)
        mine = {handle: rows[handle] for handle in _everybody_of(team) if handle in rows}
        found.append(TeamView(team, mine, owned, tuple(policies), on_call))
    return tuple(found)


def _everybody_of(team: Team) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*team.members, *team.managers, *team.security_leads)))


def _duties(schedules: Iterable[OnCallNow]) -> defaultdict[str, list[Duty]]:
    found: defaultdict[str, list[Duty]] = defaultdict(list)
    for each in schedules:
        for role, now, following in (
            ("primary", each.primary, each.next_primary),
            ("secondary", each.secondary, each.next_secondary),
        ):
            if now is not None:
                found[now].append(Duty(each.schedule, role, None, each.until))
            if following is not None and following != now:
                found[following].append(Duty(each.schedule, role, each.until, None))
    return found


def _shifts(tx: ReadTx, handle: str) -> tuple[Duty, ...]:
    """Return the person's shifts of the coming weeks, the next first."""
    found = [
        Duty(each.schedule, role, turn.starts_at, turn.ends_at)
        for each in list_on_call(tx)[:MOST_CALENDARS]
        for turn in calendar(tx, each.schedule, days=CALENDAR_DAYS)
        for role, holder in (("primary", turn.primary), ("secondary", turn.secondary))
        if holder == handle and turn.starts_at > tx.now
    ]
    return tuple(sorted(found, key=lambda duty: (duty.starts_at or tx.now, duty.schedule))[:6])


def _level(person: Person, resource: str) -> str:
    held = [level for level in ("read", "write") if decide(person.roles, resource, level)]
    return held[-1] if held else "none"
