"""The page of on-call: who has the pager, the coming weeks with their gaps, overrides, and who can be reached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from staycalm.core.actor import Actor
from staycalm.core.errors import Invalid
from staycalm.domains.accounts.public import Person, decide, list_people
from staycalm.domains.oncall.contacts import queries as contact_queries
from staycalm.domains.oncall.contacts.decisions import ContactMethod
from staycalm.domains.oncall.escalations import queries as escalation_queries
from staycalm.domains.oncall.escalations.queries import Escalation
from staycalm.domains.oncall.schedules import queries, service
from staycalm.domains.oncall.schedules.calendar import Day, calendar_end, first_monday, weeks
from staycalm.domains.oncall.schedules.decisions import Override, Schedule, final_schedule
from staycalm.domains.oncall.schedules.queries import OnCallNow, StoredSchedule
from staycalm.domains.oncall.schedules.wall_clock import first_instant
from staycalm.kit.database import Database, ReadTx, Tx
from staycalm.kit.http import Db, Views, allow, view

page_router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, allow("oncall", "read")]
Configurer = Annotated[Actor, allow("config", "write")]
Short = Annotated[str, Form(max_length=100)]
MOST_SCHEDULES = 20
MOST_PEOPLE = 200


@dataclass(frozen=True)
class ScheduleView:
    """One schedule over four weeks."""

    stored: StoredSchedule
    now: OnCallNow
    weeks: tuple[tuple[Day, ...], ...]
    overrides: tuple[Override, ...]


@dataclass(frozen=True)
class Reach:
    """How a person can be reached; `usable` is how many of the methods a page would use now."""

    person: Person
    methods: tuple[ContactMethod, ...]
    usable: int


@dataclass(frozen=True)
class OncallView:
    """Everything on the page. No part of it depends on who looks."""

    schedules: tuple[ScheduleView, ...]
    escalations: tuple[Escalation, ...]
    reach: tuple[Reach, ...]


@page_router.get("/oncall")
async def show_oncall(request: Request, db: Db, who: Reader) -> Response:
    """Who is on call now and next, four weeks ahead, and whether everybody can be reached."""
    may_configure = decide(request.state.identity.roles, "config", "write")
    return view(request, "oncall/calendar.html", oncall=await db.read(_view), may_configure=may_configure)


@page_router.post("/oncall/{name}/overrides")
async def add_override(
    db: Db, who: Configurer, name: str, role: Annotated[Literal["primary", "secondary"], Form()], person: Short,
    ends_at: Short, starts_at: Short = "", reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:  # fmt: skip
    """The person holds the role in the interval, which is told in the schedule's own time zone."""
    await db.write(_override, who, name, role, person, starts_at, ends_at, reason)
    return RedirectResponse(f"/oncall#schedule-{name}", status_code=303)


@page_router.post("/oncall/{name}/overrides/{id}/remove")
async def remove_override(db: Db, who: Configurer, name: str, id: str) -> Response:
    """The rotation counts again in that interval."""
    await db.write(service.remove_override, who, schedule=name, id=id)
    return RedirectResponse(f"/oncall#schedule-{name}", status_code=303)


def _override(
    tx: Tx, actor: Actor, name: str, role: Literal["primary", "secondary"], person: str, starts: str, ends: str,
    reason: str,
) -> Override:  # fmt: skip
    schedule = queries.get_schedule(tx, name).schedule
    return service.add_override(
        tx, actor, schedule=name, role=role, person=person, reason=reason,
        starts_at=_instant(schedule, starts) if starts else None, ends_at=_instant(schedule, ends),
    )  # fmt: skip


def _instant(schedule: Schedule, text: str) -> datetime:
    """Return the instant that a form's wall-clock time means in the schedule's zone."""
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("bad-time", f"{text[:40]!r} is not a time", next_step="Write 2026-03-02T09:00.") from None
    return told if told.tzinfo is not None else first_instant(told, schedule.zone)


def _view(tx: ReadTx) -> OncallView:
    stored = queries.list_schedules(tx)[:MOST_SCHEDULES]
    channels = contact_queries.configured_channels(tx)
    people = [person for person in list_people(tx) if person.is_active][:MOST_PEOPLE]
    return OncallView(
        schedules=tuple(_schedule(tx, each) for each in stored),
        escalations=escalation_queries.list_open(tx, limit=50),
        reach=tuple(_reach(tx, person, channels) for person in people),
    )


def _schedule(tx: ReadTx, stored: StoredSchedule) -> ScheduleView:
    schedule = stored.schedule
    start = first_monday(schedule, tx.now)
    extra = queries.list_overrides(tx, schedule.name, since=start)
    turns = final_schedule(schedule, extra, start, calendar_end(schedule, start))
    return ScheduleView(
        stored=stored,
        now=queries.on_call_now(tx, schedule.name),
        weeks=weeks(schedule, turns, start, tx.now),
        overrides=tuple(each for each in extra if each.ends_at > tx.now),
    )


def _reach(tx: ReadTx, person: Person, channels: frozenset[str] | None) -> Reach:
    methods = contact_queries.methods_of(tx, person.handle)
    return Reach(person, methods, len(contact_queries.reachable_methods(tx, person.handle, channels)))


async def draw_oncall(db: Database, views: Views, key: str) -> str:
    """Return who has the pager now, and who is being paged."""
    return views.fragment("oncall/now.html", oncall=await db.read(_view))
