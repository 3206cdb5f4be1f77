"""REST routes of the catalog: plan and apply the file, look at what it declares."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Request, Response

from staycalm.core.actor import Actor
from staycalm.core.placement import Placement
from staycalm.domains.accounts.public import Identity, decide
from staycalm.domains.catalog import queries
from staycalm.domains.catalog.parse import CatalogFile, parse_file
from staycalm.domains.catalog.plan import Plan, make_plan, web_managed
from staycalm.domains.catalog.questions import FileSection
from staycalm.domains.catalog.schemas import (
    AppliedOut,
    EnvironmentPage,
    FileIn,
    PlacementOut,
    PlacementPage,
    PlanOut,
    ServiceIn,
    ServiceOut,
    ServicePage,
    TeamPage,
    applied_out,
    changes_out,
    environment_out,
    placement_out,
    service_of,
    service_out,
    team_out,
)
from staycalm.domains.catalog.service import apply_file, put_service, remove_service
from staycalm.kit.database import Database
from staycalm.kit.http import Db, Router, allow

router = Router(prefix="/api/v1/catalog", tags=["catalog"])


def _sections(request: Request) -> Sequence[FileSection]:
    """Return the sections of domains above; the wiring puts them into `app.state.catalog_sections`."""
    sections: Sequence[FileSection] = request.app.state.catalog_sections
    return sections


Sections = Annotated[Sequence[FileSection], Depends(_sections)]


@router.post("/plan")
async def plan_file(
    db: Db, who: Annotated[Actor, allow("catalog", "read")], sections: Sections, body: FileIn
) -> PlanOut:
    """Return what applying the file would change, removals included. A bad file is answered with every problem."""
    file = await _read(db, body, sections)
    plan: Plan = await db.read(make_plan, file, sections)
    return PlanOut(changes=changes_out(plan.changes))


@router.post("/apply")
async def apply(
    request: Request, db: Db, who: Annotated[Actor, allow("config", "write")], sections: Sections, body: FileIn
) -> AppliedOut:
    """The file is in force, in one transaction. Changing people asks for people:write as well."""
    identity: Identity = request.state.identity
    file = await _read(db, body, sections)
    may_change_people = decide(identity.roles, "people", "write")
    return applied_out(await db.write(apply_file, who, file, sections, may_change_people=may_change_people))


@router.get("/services")
async def list_services(db: Db, who: Annotated[Actor, allow("catalog", "read")]) -> ServicePage:
    """Return all services by name."""
    return ServicePage(items=[service_out(each) for each in await db.read(queries.list_services)])


@router.get("/services/{name}")
async def get_service(db: Db, who: Annotated[Actor, allow("catalog", "read")], name: str) -> ServiceOut:
    """Return one service."""
    return service_out(await db.read(queries.get_service, name))


@router.put("/services/{name}")
async def put_web_service(
    db: Db, who: Annotated[Actor, allow("catalog", "write")], name: str, body: ServiceIn
) -> ServiceOut:
    """The service has these basics and is managed on the web; one that the file manages is refused."""
    return service_out(await db.write(put_service, who, service_of(name, body)))


@router.delete("/services/{name}", status_code=204)
async def delete_web_service(db: Db, who: Annotated[Actor, allow("catalog", "write")], name: str) -> Response:
    """The web-managed service is not in the catalog any more."""
    await db.write(remove_service, who, name)
    return Response(status_code=204)


@router.get("/environments")
async def list_environments(db: Db, who: Annotated[Actor, allow("catalog", "read")]) -> EnvironmentPage:
    """Return all environments by name."""
    return EnvironmentPage(items=[environment_out(each) for each in await db.read(queries.list_environments)])


@router.get("/teams")
async def list_teams(db: Db, who: Annotated[Actor, allow("catalog", "read")]) -> TeamPage:
    """Return all teams by name."""
    return TeamPage(items=[team_out(each) for each in await db.read(queries.list_teams)])


@router.get("/placements")
async def list_placements(db: Db, who: Annotated[Actor, allow("catalog", "read")]) -> PlacementPage:
    """Return all placements by service and environment."""
    return PlacementPage(items=[placement_out(each) for each in await db.read(queries.list_placements)])


@router.get("/placements/{service}/{environment}")
async def get_placement(
    db: Db, who: Annotated[Actor, allow("catalog", "read")], service: str, environment: str
) -> PlacementOut:
    """Return what one service declares for one environment."""
    return placement_out(await db.read(queries.get_placement, Placement(service, environment)))


async def _read(db: Database, body: FileIn, sections: Sequence[FileSection]) -> CatalogFile:
    """Return the file as declarations; parsing takes long enough to be done beside the event loop."""
    web = await db.read(web_managed)
    return await asyncio.to_thread(parse_file, body.text, body.file, web, sections)
