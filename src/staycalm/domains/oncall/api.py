"""REST routes of on-call: who has the pager, overrides, contact methods, escalations and their delivery log."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import AwareDatetime

from staycalm.core.actor import Actor
from staycalm.core.errors import Forbidden
from staycalm.domains.accounts.public import Identity, decide
from staycalm.domains.oncall.contacts import queries as contact_queries
from staycalm.domains.oncall.contacts import service as contacts
from staycalm.domains.oncall.escalations import queries as escalation_queries
from staycalm.domains.oncall.escalations import service as escalations
from staycalm.domains.oncall.notifications import queries as notification_queries
from staycalm.domains.oncall.notifications import service as notifications
from staycalm.domains.oncall.policies import queries as policy_queries
from staycalm.domains.oncall.schedules import queries as schedule_queries
from staycalm.domains.oncall.schedules import service as schedules
from staycalm.domains.oncall.schemas import (
    CalendarOut,
    ContactMethodOut,
    ContactMethodPage,
    DeliveryPage,
    EscalationOut,
    EscalationPage,
    NewContactMethod,
    NewOverride,
    OnCallOut,
    OnCallPage,
    OverrideOut,
    OverridePage,
    PolicyOut,
    PolicyPage,
    ScheduleOut,
    TestOut,
    contact_method_out,
    delivery_out,
    escalation_out,
    on_call_out,
    override_out,
    policy_out,
    schedule_out,
    turn_out,
)
from staycalm.kit.http import Db, Router, allow

router = Router(prefix="/api/v1/oncall", tags=["oncall"])
Reader = Annotated[Actor, allow("oncall", "read")]
Responder = Annotated[Actor, allow("oncall", "write")]
Configurer = Annotated[Actor, allow("config", "write")]


@router.get("")
async def list_on_call(db: Db, who: Reader) -> OnCallPage:
    """Return who is on call now and next, in every schedule."""
    return OnCallPage(items=[on_call_out(each) for each in await db.read(schedule_queries.list_on_call)])


@router.get("/schedules/{name}")
async def get_schedule(db: Db, who: Reader, name: str) -> ScheduleOut:
    """Return the rotation and the holes that the last check found in its coming month."""
    return schedule_out(await db.read(schedule_queries.get_schedule, name))


@router.get("/schedules/{name}/now")
async def get_on_call(db: Db, who: Reader, name: str) -> OnCallOut:
    """Return who is on call now and next in one schedule."""
    return on_call_out(await db.read(schedule_queries.on_call_now, name))


@router.get("/schedules/{name}/calendar")
async def get_calendar(
    db: Db,
    who: Reader,
    name: str,
    weeks: Annotated[int, Query(ge=1, le=52)] = 4,
    start: AwareDatetime | None = None,
) -> CalendarOut:
    """Return the final schedule for some weeks from `start` (default now), and the overrides behind it."""
    stored, found = await db.read(schedule_queries.calendar_of, name, start=start, days=weeks * 7)
    turns = [turn_out(each) for each in found]
    return CalendarOut(schedule=name, time_zone=stored.schedule.time_zone, turns=turns)


@router.get("/schedules/{name}/overrides")
async def list_overrides(db: Db, who: Reader, name: str) -> OverridePage:
    """Return the overrides that have not ended, in the order they were added; the later one wins."""
    await db.read(schedule_queries.get_schedule, name)
    found = await db.read(schedule_queries.list_overrides, name)
    return OverridePage(items=[override_out(each) for each in found])


@router.post("/schedules/{name}/overrides", status_code=201)
async def add_override(db: Db, who: Configurer, name: str, body: NewOverride) -> OverrideOut:
    """The person holds the role in the interval."""
    added = await db.write(
        schedules.add_override,
        who,
        schedule=name,
        role=body.role,
        person=body.person,
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        reason=body.reason,
    )
    return override_out(added)


@router.delete("/schedules/{name}/overrides/{id}", status_code=204)
async def remove_override(db: Db, who: Configurer, name: str, id: str) -> Response:
    """The rotation counts again in that interval."""
    await db.write(schedules.remove_override, who, schedule=name, id=id)
    return Response(status_code=204)


@router.get("/policies")
async def list_policies(db: Db, who: Reader) -> PolicyPage:
    """Return every escalation policy."""
    return PolicyPage(items=[policy_out(each) for each in await db.read(policy_queries.list_policies)])


@router.get("/policies/{name}")
async def get_policy(db: Db, who: Reader, name: str) -> PolicyOut:
    """Return one escalation policy."""
    return policy_out(await db.read(policy_queries.get_policy, name))


@router.get("/people/{handle}/contact-methods")
async def list_contact_methods(db: Db, who: Reader, handle: str) -> ContactMethodPage:
    """Return how a person is reached, in order. Whole addresses are shown to the person alone."""
    found = await db.read(contact_queries.methods_of, handle)
    return ContactMethodPage(items=[contact_method_out(each, is_own=who.id == handle) for each in found])


@router.post("/people/{handle}/contact-methods", status_code=201)
async def add_contact_method(
    request: Request, db: Db, who: Responder, handle: str, body: NewContactMethod
) -> ContactMethodOut:
    """The person can be reached this way too. One's own; anybody else's asks for people:write."""
    _check_own(request, handle)
    added = await db.write(
        contacts.add_method, who, person=handle, kind=body.kind, address=body.address, after_s=body.after_s
    )
    return contact_method_out(added, is_own=who.id == handle)


@router.delete("/contact-methods/{id}", status_code=204)
async def remove_contact_method(request: Request, db: Db, who: Responder, id: str) -> Response:
    """The person is no longer reached this way. One's own; anybody else's asks for people:write."""
    _check_own(request, (await db.read(contact_queries.get_method, id)).person)
    await db.write(contacts.remove_method, who, id)
    return Response(status_code=204)


@router.post("/contact-methods/{id}/move")
async def move_contact_method(
    request: Request, db: Db, who: Responder, id: str, places: Annotated[int, Query(ge=-10, le=10)]
) -> ContactMethodPage:
    """The method is tried so many places later, or sooner when negative. One's own, else people:write."""
    person = (await db.read(contact_queries.get_method, id)).person
    _check_own(request, person)
    await db.write(contacts.move_method, who, id, places=places)
    found = await db.read(contact_queries.methods_of, person)
    return ContactMethodPage(items=[contact_method_out(each, is_own=who.id == person) for each in found])


@router.post("/contact-methods/{id}/test", status_code=202)
async def test_contact_method(request: Request, db: Db, who: Responder, id: str) -> TestOut:
    """A test page is on its way. One's own; anybody else's asks for people:write."""
    method = await db.read(contact_queries.get_method, id)
    _check_own(request, method.person)
    return TestOut(subject=await db.write(notifications.send_test, method))


@router.get("/escalations")
async def list_escalations(db: Db, who: Reader, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> EscalationPage:
    """Return the open escalations, the newest first."""
    found = await db.read(escalation_queries.list_open, limit=limit)
    return EscalationPage(items=[escalation_out(each) for each in found])


@router.get("/escalations/{subject}")
async def get_escalations(db: Db, who: Reader, subject: str) -> EscalationPage:
    """Return every escalation about a subject such as INC-3, the newest first."""
    found = await db.read(escalation_queries.escalations_of, subject)
    return EscalationPage(items=[escalation_out(each) for each in found])


@router.post("/escalations/{subject}/acknowledge")
async def acknowledge(db: Db, who: Responder, subject: str) -> EscalationOut:
    """Whoever asks has it, and nobody else is paged."""
    return escalation_out(await db.write(escalations.acknowledge, who, subject, via="api"))


@router.post("/escalations/{subject}/page-again")
async def page_again(db: Db, who: Responder, subject: str) -> EscalationOut:
    """The steps run from the first page on again."""
    reason = f"asked for by {who.name or who.id}"
    return escalation_out(await db.write(escalations.page_again, who, subject, reason=reason))


@router.get("/deliveries")
async def list_deliveries(
    db: Db,
    who: Reader,
    subject: Annotated[str, Query(max_length=200)],
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> DeliveryPage:
    """Return the delivery log of a subject: who was paged or told when, by what, and what came of it."""
    found = await db.read(notification_queries.deliveries_of, subject, limit=limit)
    return DeliveryPage(items=[delivery_out(each) for each in found])


def _check_own(request: Request, person: str) -> None:
    identity: Identity = request.state.identity
    if identity.actor.id != person and not decide(identity.roles, "people", "write"):
        raise Forbidden(
            "not-yours",
            f"the contact methods of {person} are theirs to change",
            next_step="Ask them, or an admin.",
        )
