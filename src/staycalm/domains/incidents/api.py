"""REST routes of incidents."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Header, Query, Response
from fastapi.responses import JSONResponse

from staycalm.core.actor import Actor
from staycalm.core.priority import parse_priority
from staycalm.domains.incidents import queries, service
from staycalm.domains.incidents.causes.service import declare
from staycalm.domains.incidents.edge import Edge
from staycalm.domains.incidents.people.queries import standings
from staycalm.domains.incidents.report.customer import post_incident_summary
from staycalm.domains.incidents.report.document import Document, to_data, to_markdown, to_printed
from staycalm.domains.incidents.report.draft import post_mortem, root_cause_analysis
from staycalm.domains.incidents.report.page import POLICY, to_html
from staycalm.domains.incidents.report.reading import read_report
from staycalm.domains.incidents.schemas import (
    DeclaredOut,
    IncidentDetail,
    IncidentOut,
    IncidentPage,
    NewIncident,
    NoteIn,
    PagedOut,
    PriorityIn,
    RoleIn,
    TimelinePage,
    WordsIn,
    declared_out,
    detail_out,
    incident_out,
    incident_page,
    paged_out,
    timeline_page,
)
from staycalm.domains.oncall.public import pages_for
from staycalm.kit.database import ReadTx
from staycalm.kit.http import Db, Router, allow

router = Router(prefix="/api/v1/incidents", tags=["incidents"])
Reader = Annotated[Actor, allow("incidents", "read")]
Responder = Annotated[Actor, allow("incidents", "write")]
Limit = Annotated[int, Query(ge=1, le=500)]
DOCUMENTS = {"post-mortem": post_mortem, "root-cause": root_cause_analysis}


@router.get("")
async def list_incidents(
    db: Db,
    who: Reader,
    limit: Limit = 50,
    cursor: str | None = None,
    open: bool = False,
    priority: Annotated[str | None, Query(description="P0-P3, SEV1-SEV4 or a word such as critical.")] = None,
    service: str | None = None,
) -> IncidentPage:
    """Return the newest incidents first; `open` leaves out what has ended."""
    wanted = parse_priority(priority) if priority is not None else None
    return await db.read(_page, limit=limit, cursor=cursor, only_open=open, priority=wanted, service=service)


def _page(tx: ReadTx, /, **wanted: Any) -> IncidentPage:
    page = queries.list_incidents(tx, **wanted)
    return incident_page(page, standings(tx, page.items))


@router.post("", status_code=201, responses={200: {"model": DeclaredOut}})
async def declare_incident(
    db: Db,
    who: Responder,
    body: NewIncident,
    response: Response,
    idempotency_key: Annotated[str | None, Header(max_length=100, pattern=r"^[\x21-\x7e]+$")] = None,
) -> DeclaredOut:
    """There is an incident and whoever has to know is paged; 200 when it joined one that was open there."""
    cause = f"hand/{who.id}/{idempotency_key}" if idempotency_key else None
    declared = await db.write(declare, who, **body.model_dump(), cause=cause)
    if not declared.is_new:
        response.status_code = 200
    return declared_out(declared)


@router.get("/{name}")
async def get_incident(db: Db, who: Reader, name: str) -> IncidentDetail:
    """Return one incident with its causes, roles, notes, pages and measured figures."""
    return await db.read(_detail, name)


def _detail(tx: ReadTx, name: str) -> IncidentDetail:
    incident = queries.get_incident(tx, name)
    return detail_out(
        incident,
        standing=standings(tx, [incident])[incident.id],
        causes=queries.causes_of(tx, incident.id),
        roles=queries.roles_of(tx, incident.id),
        notes=queries.notes_of(tx, incident.id),
        pages=pages_for(tx, incident.id),
        facts=queries.facts(tx, incident.id),
        post_mortem=queries.find_post_mortem(tx, incident.id),
    )


@router.get("/{name}/timeline")
async def get_timeline(
    db: Db, who: Reader, name: str, limit: Limit = 200, cursor: str | None = None
) -> TimelinePage:
    """Return what happened, oldest first, from the event log of the incident and its causes."""
    return timeline_page(await db.read(queries.timeline, name, limit=limit, cursor=cursor))


@router.post("/{name}/acknowledge")
async def acknowledge_incident(db: Db, who: Annotated[Actor, allow("alerts", "write")], name: str) -> IncidentOut:
    """Whoever calls has it, and nobody else is paged."""
    return incident_out(await db.write(service.acknowledge, who, name))


@router.post("/{name}/roles")
async def assign_role(db: Db, who: Responder, name: str, body: RoleIn) -> IncidentOut:
    """The person holds the role from now on."""
    return incident_out(await db.write(service.assign_role, who, name, role=body.role, person=body.person))


@router.post("/{name}/priority")
async def change_priority(db: Db, who: Responder, name: str, body: PriorityIn) -> PagedOut:
    """The incident has the priority; a rise to P0 or P1 pages."""
    return paged_out(await db.write(service.change_priority, who, name, body.priority, reason=body.reason))


@router.post("/{name}/notes", status_code=204)
async def add_note(db: Db, who: Responder, name: str, body: NoteIn) -> None:
    """The note is in the timeline."""
    await db.write(service.add_note, who, name, body.text)


@router.post("/{name}/mitigate")
async def mitigate_incident(db: Db, who: Responder, name: str, body: WordsIn) -> IncidentOut:
    """Users are served again; it remains to be verified."""
    return incident_out(await db.write(service.mitigate, who, name, how=body.text))


@router.post("/{name}/investigate")
async def resume_investigation(db: Db, who: Responder, name: str, body: WordsIn) -> IncidentOut:
    """The mitigation did not hold."""
    return incident_out(await db.write(service.resume_investigation, who, name, reason=body.text))


@router.post("/{name}/resolve")
async def resolve_incident(db: Db, edge: Edge, who: Responder, name: str, body: WordsIn) -> IncidentOut:
    """It is over: nobody is paged any more, and its post-mortem is due."""
    within_s = edge.settings.post_mortem_within_s
    resolved = await db.write(service.resolve, who, name, summary=body.text, post_mortem_within_s=within_s)
    return incident_out(resolved)


@router.post("/{name}/reopen")
async def reopen_incident(db: Db, who: Responder, name: str, body: WordsIn) -> PagedOut:
    """The same incident goes on; P0 and P1 page as anew."""
    return paged_out(await db.write(service.reopen, who, name, reason=body.text))


@router.post("/{name}/close")
async def close_incident(db: Db, who: Responder, name: str) -> IncidentOut:
    """Everything that follows the incident is done."""
    return incident_out(await db.write(service.close, who, name))


@router.get("/{name}/report", response_class=Response)
async def get_report(
    db: Db,
    edge: Edge,
    who: Reader,
    name: str,
    format: Literal["markdown", "html", "pdf", "json"] = "markdown",
    document: Literal["post-mortem", "root-cause"] = "post-mortem",
    audience: Literal["internal", "customer"] = "internal",
) -> Response:
    """Return the incident report, which is the post-mortem's draft in the SOP's format, or the short analysis.

    For customers it is the post-incident summary (SOP §5.2), without any internal name.
    """
    facts, around = await db.read(read_report, name)
    write = post_incident_summary if audience == "customer" else DOCUMENTS[document]
    written = write(facts, around)
    if format != "pdf":
        return _written(written, format)
    markdown, drawings = to_printed(written)
    printed = await edge.printer.to_pdf(
        title=written.title, markdown=markdown, cover=written.cover, pictures=drawings
    )
    kind = "summary" if audience == "customer" else document
    headers = {"Content-Disposition": f'inline; filename="{facts.about.id}-{kind}.pdf"'}
    return Response(printed, media_type="application/pdf", headers=headers)


def _written(document: Document, format: str) -> Response:
    if format == "json":
        return JSONResponse(to_data(document))
    if format == "html":
        return Response(to_html(document), media_type="text/html", headers={"Content-Security-Policy": POLICY})
    return Response(to_markdown(document), media_type="text/markdown")
