"""REST routes of accounts: who am I, log-in, people, tokens, sessions."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from staycalm.core.actor import Actor
from staycalm.domains.accounts import links, queries, service
from staycalm.domains.accounts.decisions import Resource, decide, explain
from staycalm.domains.accounts.edge import Edge, Mine
from staycalm.domains.accounts.guard import check_transport, client_address
from staycalm.domains.accounts.people import Identity
from staycalm.domains.accounts.schemas import (
    ExplanationOut,
    InvitationOut,
    LoginIn,
    NewPerson,
    NewServiceToken,
    NewToken,
    NewTokenOut,
    PeoplePage,
    PersonIn,
    PersonOut,
    SessionPage,
    TimeZoneIn,
    TokenPage,
    WhoAmI,
    invitation_out,
    new_token_out,
    person_out,
    session_out,
    token_out,
    who_am_i,
)
from staycalm.domains.accounts.sign_in import queries as sign_in_queries
from staycalm.domains.accounts.sign_in import service as sign_in_service
from staycalm.domains.accounts.sign_in import tokens
from staycalm.domains.accounts.sign_in.flow import check_sign_in
from staycalm.kit.database import Database
from staycalm.kit.http import Db, Router, allow, public
from staycalm.kit.wire import shown

router = Router(prefix="/api/v1", tags=["accounts"])
DAY_S = 86400.0


@router.get("/whoami", dependencies=[public()])
async def whoami(me: Mine) -> WhoAmI:
    """Return who the request comes from. Names no permission: whoever has a credential may ask whose it is."""
    return who_am_i(me)


@router.post("/login", status_code=201, dependencies=[public("write")])
async def login(request: Request, db: Db, edge: Edge, body: LoginIn) -> NewTokenOut:
    """The person has a new API token. Names no permission: this is how one gets in; wrong tries are slowed."""
    check_transport(request, edge.settings)
    address = client_address(request)
    checked = await check_sign_in(
        db, edge.passwords, edge.pause, handle=body.handle, password=body.password, address=address
    )
    created = await db.write(
        tokens.start_token,
        checked,
        name=body.token_name,
        address=address,
        valid_s=min(edge.settings.login_token_s, edge.settings.token_longest_s),
    )
    return new_token_out(created)


@router.get("/people")
async def list_people(
    db: Db, who: Annotated[Actor, allow("people", "read")], even_inactive: bool = False
) -> PeoplePage:
    """Return everybody with an account, by handle."""
    found = await db.read(queries.list_people, even_inactive=even_inactive)
    seen = await db.read(sign_in_queries.last_seen)
    return PeoplePage(items=[person_out(person, seen.get(person.handle)) for person in found])


@router.get("/people/{handle}")
async def get_person(db: Db, who: Annotated[Actor, allow("people", "read")], handle: str) -> PersonOut:
    """Return one person with the roles held now."""
    return await _told(db, handle)


@router.get("/people/{handle}/access")
async def explain_access(
    db: Db,
    who: Annotated[Actor, allow("people", "read")],
    handle: str,
    resource: Resource,
    level: Annotated[str, Query(pattern="^(read|write)$")] = "read",
) -> ExplanationOut:
    """Return whether the person may use the resource now, and why."""
    person = await db.read(queries.get_person, handle)
    return shown(ExplanationOut, explain(person.roles, resource, level))


@router.post("/people", status_code=201)
async def invite_person(
    db: Db, who: Annotated[Actor, allow("people", "write")], edge: Edge, body: NewPerson
) -> InvitationOut:
    """The person has an account and, unless they have a password, an invitation link."""
    invitation = await db.write(
        service.invite,
        who,
        handle=body.handle,
        name=body.name,
        email=body.email,
        roles=body.roles,
        time_zone=body.time_zone,
        valid_s=edge.settings.invitation_s,
    )
    return invitation_out(body.handle, invitation)


@router.put("/people/{handle}")
async def change_person(
    db: Db, who: Annotated[Actor, allow("people", "write")], handle: str, body: PersonIn
) -> PersonOut:
    """The person has these values; one who is managed in the file cannot be changed here."""
    await db.write(
        service.change_person,
        who,
        handle,
        name=body.name,
        email=body.email,
        roles=body.roles,
        time_zone=body.time_zone,
    )
    return await _told(db, handle)


@router.post("/people/{handle}/reactivate")
async def reactivate_person(
    db: Db, who: Annotated[Actor, allow("people", "write")], edge: Edge, handle: str
) -> InvitationOut:
    """The deactivated person has the account back as it was, and a link unless they have a password."""
    invitation = await db.write(service.reactivate, who, handle, valid_s=edge.settings.invitation_s)
    return invitation_out(handle, invitation)


@router.delete("/people/{handle}", status_code=204)
async def deactivate_person(db: Db, who: Annotated[Actor, allow("people", "write")], handle: str) -> Response:
    """The person cannot sign in any more; what they did stays in the log."""
    await db.write(service.deactivate, who, handle)
    return Response(status_code=204)


@router.post("/people/{handle}/invitation", status_code=201)
async def renew_invitation(
    db: Db, who: Annotated[Actor, allow("people", "write")], edge: Edge, handle: str
) -> InvitationOut:
    """The person has a new link to set a password with; the older one is dead."""
    invitation = await db.write(links.renew_invitation, who, handle, valid_s=edge.settings.invitation_s)
    return invitation_out(handle, invitation)


@router.put("/whoami/time-zone", status_code=204, dependencies=[public("write")])
async def set_own_time_zone(db: Db, me: Mine, body: TimeZoneIn) -> Response:
    """One's own times are told in this zone. Names no permission: it is one's own."""
    await db.write(service.set_time_zone, me.actor, me.actor.id, body.time_zone)
    return Response(status_code=204)


@router.get("/tokens", dependencies=[public()])
async def list_tokens(db: Db, me: Mine, of_everybody: bool = False) -> TokenPage:
    """Return one's own tokens; everybody's for who may change people. Names no permission: they are one's own."""
    is_all = of_everybody and _may_change_people(me)
    found = await db.read(sign_in_queries.list_tokens, None if is_all else me.actor.id)
    return TokenPage(items=[token_out(token) for token in found])


@router.post("/tokens", status_code=201, dependencies=[public("write")])
async def create_token(db: Db, me: Mine, edge: Edge, body: NewToken) -> NewTokenOut:
    """One has a further token with at most one's own rights. Names no permission: nothing is gained by it."""
    created = await db.write(
        tokens.create_token,
        me,
        name=body.name,
        roles=body.roles,
        valid_s=body.valid_days * DAY_S,
        longest_s=edge.settings.longest_token_s(is_read_only=body.read_only),
        is_read_only=body.read_only,
    )
    return new_token_out(created)


@router.post("/tokens/service", status_code=201)
async def create_service_token(
    db: Db, who: Annotated[Actor, allow("people", "write")], edge: Edge, body: NewServiceToken
) -> NewTokenOut:
    """A machine has a token with the role ci; with `read_only` it may only look, for Prometheus."""
    created = await db.write(
        tokens.create_service_token,
        who,
        name=body.name,
        valid_s=body.valid_days * DAY_S,
        longest_s=edge.settings.longest_token_s(is_read_only=body.read_only),
        is_read_only=body.read_only,
    )
    return new_token_out(created)


@router.delete("/tokens/{token_id}", status_code=204, dependencies=[public("write")])
async def revoke_token(db: Db, me: Mine, token_id: str) -> Response:
    """The token holds no more: one's own, or anybody's for who may change people."""
    await db.write(tokens.revoke_token, me.actor, token_id, may_revoke_any=_may_change_people(me))
    return Response(status_code=204)


@router.get("/sessions", dependencies=[public()])
async def list_sessions(db: Db, me: Mine, edge: Edge, handle: str | None = None) -> SessionPage:
    """Return one's own sessions, or `handle`'s for who may change people."""
    whose = handle if handle is not None and _may_change_people(me) else me.actor.id
    found = await db.read(sign_in_queries.list_sessions, whose, idle_s=edge.settings.session_idle_s)
    return SessionPage(items=[session_out(session, me.credential_id) for session in found])


@router.delete("/sessions", status_code=204, dependencies=[public("write")])
async def end_other_sessions(db: Db, me: Mine) -> Response:
    """Every session of one's own but the one that asks has ended. Names no permission: they are one's own."""
    reason = "ended from another session"
    await db.write(sign_in_service.end_all_sessions, me.actor, me.actor.id, reason=reason, but=me.credential_id)
    return Response(status_code=204)


@router.delete("/sessions/{session_id}", status_code=204, dependencies=[public("write")])
async def end_session(db: Db, me: Mine, session_id: str) -> Response:
    """The session holds no more: one's own, or anybody's for who may change people."""
    await db.write(sign_in_service.end_session, me.actor, session_id, may_end_any=_may_change_people(me))
    return Response(status_code=204)


async def _told(db: Database, handle: str) -> PersonOut:
    person = await db.read(queries.get_person, handle)
    return person_out(person, (await db.read(sign_in_queries.last_seen)).get(handle))


def _may_change_people(identity: Identity) -> bool:
    return decide(identity.roles, "people", "write")
