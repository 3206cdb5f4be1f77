"""Pages of incidents: the list, and one incident with its live timeline and what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from staycalm.core.actor import Actor
from staycalm.core.pagination import Page
from staycalm.core.priority import PRIORITIES, parse_priority
from staycalm.domains.accounts.public import Person, decide, list_people
from staycalm.domains.incidents import queries, service
from staycalm.domains.incidents.around.queries import Change, changes_before
from staycalm.domains.incidents.causes.service import declare
from staycalm.domains.incidents.edge import Edge
from staycalm.domains.incidents.listing.decisions import STATES, IncidentFilter, parse_filter
from staycalm.domains.incidents.listing.queries import list_matching
from staycalm.domains.incidents.people.decisions import Round, Standing, rounds
from staycalm.domains.incidents.people.queries import asking_of, standings
from staycalm.domains.incidents.postmortem.queries import ActionItem, Paper, actions_of, get_paper
from staycalm.domains.incidents.queries import Cause, Incident
from staycalm.domains.incidents.report.facts import Facts, Holder
from staycalm.domains.incidents.timeline.decisions import TimelineEntry, compose
from staycalm.domains.incidents.timeline.words import ROLE_NAMES
from staycalm.domains.oncall.public import Escalation, find_open_escalation, pages_for
from staycalm.kit.database import Database, ReadTx
from staycalm.kit.http import Db, Router, Views, allow, view

page_router = Router(include_in_schema=False)
Reader = Annotated[Actor, allow("incidents", "read")]
Responder = Annotated[Actor, allow("incidents", "write")]
Acknowledger = Annotated[Actor, allow("alerts", "write")]
Words = Annotated[str, Form(max_length=1000)]
ROWS = 50
LINES = 400
# What the timeline can be narrowed to, in the order of its buttons.
KINDS = {
    "delivery": "Deployments", "alert": "Alerts", "paging": "Pages", "note": "Notes", "response": "State",
}  # fmt: skip


@dataclass(frozen=True)
class IncidentView:
    """Everything that changes on the page of an incident. No part of it depends on who looks.

    `timeline` and `rounds` are the newest first; `is_cut`: there are older lines.
    """

    incident: Incident
    facts: Facts
    standing: Standing
    timeline: tuple[TimelineEntry, ...]
    is_cut: bool
    causes: tuple[Cause, ...]
    changes: tuple[Change, ...]
    rounds: tuple[Round, ...]
    escalation: Escalation | None
    paper: Paper
    actions: tuple[ActionItem, ...]

    @property
    def holders(self) -> dict[str, Holder]:
        """Who holds which role now, by the role's name."""
        return {each.role: each for each in self.facts.roles if each.until is None}


@dataclass(frozen=True)
class IncidentList:
    """The open ones, the most urgent first, and a page of what the filter matches, the newest first."""

    open: tuple[Incident, ...]
    standings: Mapping[str, Standing]
    page: Page[Incident]
    wanted: IncidentFilter


@page_router.get("/incidents")
async def show_incidents(request: Request, db: Db, who: Reader) -> Response:
    """What is open now, and everything that was; the filter stands in the address."""
    asked = {name: value[:200] for name, value in request.query_params.items()}
    listed = await db.read(_list, parse_filter(asked), asked.get("cursor", ""))
    may_declare = decide(request.state.identity.roles, "incidents", "write")
    return view(
        request, "incidents/list.html", listed=listed, cursor=asked.get("cursor", ""), priorities=PRIORITIES,
        may_declare=may_declare, states=STATES,
    )  # fmt: skip


@page_router.post("/incidents")
async def declare_incident(
    db: Db, who: Responder, title: Words, priority: Words, service: Words = "", environment: Words = ""
) -> Response:
    """There is an incident, and whoever has to know is paged."""
    declared = await db.write(
        declare, who, title=title, priority=parse_priority(priority), service=service.strip() or None,
        environment=environment.strip() or None,
    )  # fmt: skip
    return _back(declared.incident)


@page_router.get("/incidents/{name}")
async def show_incident(request: Request, db: Db, who: Reader, name: str) -> Response:
    """One incident: how it stands, what happened, who was paged. `show` narrows the timeline."""
    shown, people = await db.read(_show, name)
    roles = request.state.identity.roles
    wanted = [kind for kind in request.query_params.get("show", "").split(",") if kind in KINDS]
    return view(
        request, "incidents/show.html", shown=shown, people=people, roles=ROLE_NAMES, priorities=PRIORITIES,
        may_respond=decide(roles, "incidents", "write"), may_acknowledge=decide(roles, "alerts", "write"),
        may_deploy=decide(roles, "deploy", "write"), kinds=KINDS, wanted=wanted,
    )  # fmt: skip


@page_router.post("/incidents/{name}/acknowledge")
async def acknowledge(db: Db, who: Acknowledger, name: str) -> Response:
    """Whoever presses has it, and nobody else is paged."""
    return _back(await db.write(service.acknowledge, who, name, via="web"))


@page_router.post("/incidents/{name}/notes")
async def add_note(db: Db, who: Responder, name: str, text: Annotated[str, Form(max_length=10_000)]) -> Response:
    """The note is in the timeline."""
    await db.write(service.add_note, who, name, text)
    return _back(await db.read(queries.get_incident, name), at="#timeline")


@page_router.post("/incidents/{name}/roles")
async def assign_role(db: Db, who: Responder, name: str, role: Words, person: Words = "") -> Response:
    """The person holds the role from now on."""
    return _back(await db.write(service.assign_role, who, name, role=role, person=person or None))


@page_router.post("/incidents/{name}/priority")
async def change_priority(db: Db, who: Responder, name: str, priority: Words, reason: Words = "") -> Response:
    """The incident has the priority; a rise to P0 or P1 pages."""
    changed, _ = await db.write(service.change_priority, who, name, parse_priority(priority), reason=reason)
    return _back(changed)


@page_router.post("/incidents/{name}/mitigate")
async def mitigate(db: Db, who: Responder, name: str, text: Words) -> Response:
    """Users are served again; it remains to be verified."""
    return _back(await db.write(service.mitigate, who, name, how=text))


@page_router.post("/incidents/{name}/investigate")
async def resume_investigation(db: Db, who: Responder, name: str, text: Words) -> Response:
    """The mitigation did not hold."""
    return _back(await db.write(service.resume_investigation, who, name, reason=text))


@page_router.post("/incidents/{name}/resolve")
async def resolve(db: Db, edge: Edge, who: Responder, name: str, text: Words) -> Response:
    """It is over: nobody is paged any more."""
    within_s = edge.settings.post_mortem_within_s
    return _back(await db.write(service.resolve, who, name, summary=text, post_mortem_within_s=within_s))


@page_router.post("/incidents/{name}/reopen")
async def reopen(db: Db, who: Responder, name: str, text: Words) -> Response:
    """The same incident goes on."""
    reopened, _ = await db.write(service.reopen, who, name, reason=text)
    return _back(reopened)


@page_router.post("/incidents/{name}/close")
async def close(db: Db, who: Responder, name: str) -> Response:
    """Everything that follows the incident is done."""
    return _back(await db.write(service.close, who, name))


def _back(incident: Incident, *, at: str = "") -> Response:
    return RedirectResponse(incident.url_path + at, status_code=303)


def _list(tx: ReadTx, wanted: IncidentFilter, cursor: str = "") -> IncidentList:
    page = list_matching(tx, wanted, limit=ROWS, cursor=cursor or None)
    found, known = _open(tx)
    return IncidentList(found, known, page, wanted)


def _view(tx: ReadTx, name: str) -> IncidentView:
    incident = queries.get_incident(tx, name)
    entries = queries.newest_events(tx, incident.id, limit=LINES + 1)
    lines = compose(entries[-LINES:], incident=incident.id, ended_at=incident.resolved_at)
    standing = standings(tx, [incident])[incident.id]
    escalation = find_open_escalation(tx, incident.id)
    return IncidentView(
        incident=incident,
        facts=queries.facts(tx, incident.id),
        standing=standing,
        timeline=tuple(reversed(lines)),
        is_cut=len(entries) > LINES,
        causes=queries.causes_of(tx, incident.id),
        changes=changes_before(tx, incident, reopened_at=standing.reopened_at),
        rounds=rounds(
            pages_for(tx, incident.id),
            asking_of(tx, incident.id),
            declared_at=incident.declared_at,
            goes_on=escalation is not None and escalation.state == "escalating",
        ),
        escalation=escalation,
        paper=get_paper(tx, incident.id),
        actions=actions_of(tx, incident.id),
    )


def _show(tx: ReadTx, name: str) -> tuple[IncidentView, tuple[Person, ...]]:
    return _view(tx, name), tuple(person for person in list_people(tx) if person.is_active)


async def draw_incident(db: Database, views: Views, key: str) -> str:
    """Return the changing part of an incident's page."""
    shown = await db.read(_view, key)
    return views.fragment("incidents/live.html", shown=shown, kinds=KINDS, roles=ROLE_NAMES)


async def draw_open(db: Database, views: Views, key: str) -> str:
    """Return the open incidents."""
    found, known = await db.read(_open)
    return views.fragment("incidents/open.html", incidents=found, standings=known)


def _open(tx: ReadTx) -> tuple[tuple[Incident, ...], Mapping[str, Standing]]:
    found = queries.open_incidents(tx)
    return found, standings(tx, found)
