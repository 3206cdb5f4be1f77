"""Pages on which somebody stands in for somebody: an override or a swap, looked at before it is confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from staycalm.core.actor import Actor
from staycalm.core.errors import Invalid, StayCalmError
from staycalm.domains.accounts.public import Person, list_people
from staycalm.domains.oncall.calendar_view import Asked, read_asked
from staycalm.domains.oncall.schedules import covering, queries, service
from staycalm.domains.oncall.schedules.decisions import Override, Role
from staycalm.domains.oncall.schedules.preview import Preview
from staycalm.domains.oncall.schedules.service import check_zone
from staycalm.domains.oncall.schedules.stints import Shift
from staycalm.domains.oncall.schedules.wall_clock import first_instant
from staycalm.kit.database import ReadTx, Tx
from staycalm.kit.http import Db, Router, allow, view

page_router = Router(include_in_schema=False)
Configurer = Annotated[Actor, allow("config", "write")]
Short = Annotated[str, Form(max_length=100)]
Reason = Annotated[str, Form(max_length=500)]
MOST_PEOPLE = 200


@dataclass(frozen=True)
class Standing:
    """The page: the form as filled in so far, and either what it would change or why it cannot be done."""

    name: str
    asked: Asked
    told: dict[str, str]
    people: tuple[Person, ...]
    shifts: tuple[Shift, ...] = ()
    shift: Shift | None = None
    preview: Preview | None = None
    problem: StayCalmError | None = None


@page_router.get("/oncall/{name}/override")
async def show_override(request: Request, db: Db, who: Configurer, name: str) -> Response:
    """The form of an override; filled in, it also shows what would change."""
    page = await db.read(_override_page, who.id, name, dict(request.query_params))
    status = page.problem.status if page.problem is not None else 200
    return view(request, "oncall/override.html", status=status, page=page, me=who.id)


@page_router.post("/oncall/{name}/overrides")
async def add_override(
    db: Db, who: Configurer, name: str, role: Annotated[Role, Form()], person: Short, ends_at: Short,
    starts_at: Short = "", zone: Short = "", reason: Reason = "",
) -> Response:  # fmt: skip
    """The person holds the role in the interval; times without offset are those of `zone`, or the schedule's."""
    told = {"role": role, "person": person, "from": starts_at, "until": ends_at, "zone": zone, "reason": reason}
    added = await db.write(_add, who, name, told)
    return RedirectResponse(f"/oncall?schedule={name}&added={added.id}#schedule-{name}", status_code=303)


@page_router.post("/oncall/{name}/overrides/{id}/remove")
async def remove_override(db: Db, who: Configurer, name: str, id: str) -> Response:
    """The rotation counts again in that interval."""
    await db.write(service.remove_override, who, schedule=name, id=id)
    return RedirectResponse(f"/oncall#schedule-{name}", status_code=303)


@page_router.get("/oncall/{name}/swap")
async def show_swap(request: Request, db: Db, who: Configurer, name: str) -> Response:
    """The shifts that can be swapped with the one named by `first`; with `second`, what would change."""
    page = await db.read(_swap_page, who.id, name, dict(request.query_params))
    status = page.problem.status if page.problem is not None else 200
    return view(request, "oncall/swap.html", status=status, page=page, me=who.id)


@page_router.post("/oncall/{name}/swaps")
async def swap_shifts(
    db: Db, who: Configurer, name: str, first: Short, second: Short, reason: Reason = ""
) -> Response:
    """The primaries at two instants have each other's shift."""
    one, other = _instant(first, ZoneInfo("UTC")), _instant(second, ZoneInfo("UTC"))
    made = await db.write(covering.swap, who, schedule=name, first=one, second=other, reason=reason)
    ids = ",".join(each.id for each in made)
    return RedirectResponse(f"/oncall?schedule={name}&added={ids}#schedule-{name}", status_code=303)


def _override_page(tx: ReadTx, reader: str, name: str, told: dict[str, str]) -> Standing:
    zone = told.get("zone") or queries.get_schedule(tx, name).schedule.time_zone
    asked = read_asked(tx, reader, {"zone": zone, "schedule": name})
    page = Standing(name, asked, told, _people(tx))
    if not told.get("person") or not told.get("until"):
        return page
    try:
        wanted = _draft(tx, name, told)
        return Standing(name, asked, told, page.people, preview=covering.look_ahead(tx, name, [wanted]))
    except StayCalmError as error:
        return Standing(name, asked, told, page.people, problem=error)


def _swap_page(tx: ReadTx, reader: str, name: str, told: dict[str, str]) -> Standing:
    asked = read_asked(tx, reader, {"zone": told.get("zone", ""), "schedule": name})
    first = _instant(told.get("first", ""), ZoneInfo("UTC"))
    shift = covering.primary_shift(tx, name, first)
    others = [s for s in covering.shifts_of(tx, None, schedule=name) if s.role == "primary"]
    shifts = tuple(s for s in others if s.person != shift.person)
    page = Standing(name, asked, told, (), shifts, shift)
    if not told.get("second"):
        return page
    try:
        drafts = covering.swap_drafts(
            tx, schedule=name, first=first, second=_instant(told["second"], ZoneInfo("UTC")),
            reason=told.get("reason", ""),
        )  # fmt: skip
        return Standing(name, asked, told, (), shifts, shift, covering.look_ahead(tx, name, drafts))
    except StayCalmError as error:
        return Standing(name, asked, told, (), shifts, shift, problem=error)


def _add(tx: Tx, actor: Actor, name: str, told: dict[str, str]) -> Override:
    wanted = _draft(tx, name, told)
    return service.add_override(
        tx, actor, schedule=name, role=wanted.role, person=wanted.person, starts_at=wanted.starts_at,
        ends_at=wanted.ends_at, reason=wanted.reason,
    )  # fmt: skip


def _draft(tx: ReadTx, name: str, told: dict[str, str]) -> Override:
    schedule = queries.get_schedule(tx, name).schedule
    zone = ZoneInfo(check_zone(told.get("zone") or schedule.time_zone))
    starts = told.get("from", "")
    return covering.draft(
        tx, schedule=name, role="secondary" if told.get("role") == "secondary" else "primary",
        person=told["person"], starts_at=_instant(starts, zone) if starts else None,
        ends_at=_instant(told["until"], zone), reason=told.get("reason", ""),
    )  # fmt: skip


def _instant(text: str, zone: ZoneInfo) -> datetime:
    """Return the instant that a wall-clock time means in the zone; one with an offset means itself."""
    try:
        told = datetime.fromisoformat(text)
        return told if told.tzinfo is not None else first_instant(told.replace(microsecond=0), zone)
    except (ValueError, OverflowError):
        raise Invalid("bad-time", f"{text[:40]!r} is not a time", next_step="Write 2026-03-02T09:00.") from None


def _people(tx: ReadTx) -> tuple[Person, ...]:
    return tuple(person for person in list_people(tx) if person.is_active)[:MOST_PEOPLE]
