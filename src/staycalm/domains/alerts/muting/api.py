"""REST routes of silences and maintenances."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from staycalm.core.actor import Actor
from staycalm.domains.alerts.edge import AlertsEdge
from staycalm.domains.alerts.muting import queries, service
from staycalm.domains.alerts.schemas import (
    MaintenanceList,
    MaintenanceOut,
    NewMaintenance,
    NewSilence,
    SilenceChange,
    SilenceList,
    SilenceOut,
    maintenance_out,
    silence_out,
)
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.kit.http import Db, Router, allow

router = Router(prefix="/api/v1/alerts", tags=["alerts"])


def _settings(request: Request) -> AlertsSettings:
    edge: AlertsEdge = request.app.state.alerts
    return edge.settings


Limits = Annotated[AlertsSettings, Depends(_settings)]
Reader = Annotated[Actor, allow("alerts", "read")]
Configurer = Annotated[Actor, allow("config", "write")]


@router.get("/silences")
async def list_silences(db: Db, who: Reader, active: bool = True) -> SilenceList:
    """Return silences in force, or all that are kept."""
    found = await db.read(queries.list_silences, is_active=active)
    return SilenceList(items=[silence_out(each) for each in found])


@router.post("/silences", status_code=201)
async def create_silence(db: Db, who: Configurer, limits: Limits, body: NewSilence) -> SilenceOut:
    """Alerts that match page nobody until the end, and are raised then if they still fire."""
    made = await db.write(
        lambda tx: service.create_silence(
            tx, who, matchers=body.matchers, reason=body.reason, until=body.end(tx.now), settings=limits
        )
    )
    return silence_out(made)


@router.patch("/silences/{id}")
async def change_silence(db: Db, who: Configurer, limits: Limits, id: str, body: SilenceChange) -> SilenceOut:
    """The silence ends at another time, or has another reason."""
    changed = await db.write(
        lambda tx: service.change_silence(
            tx, who, id, until=body.end_or_none(tx.now), reason=body.reason, settings=limits
        )
    )
    return silence_out(changed)


@router.delete("/silences/{id}")
async def end_silence(db: Db, who: Configurer, id: str) -> SilenceOut:
    """The silence is over now."""
    return silence_out(await db.write(service.end_silence, who, id))


@router.get("/maintenance")
async def list_maintenance(db: Db, who: Reader, active: bool = True) -> MaintenanceList:
    """Return maintenances in force, or all that are kept."""
    found = await db.read(queries.list_maintenances, is_active=active)
    return MaintenanceList(items=[maintenance_out(each) for each in found])


@router.post("/maintenance", status_code=201)
async def start_maintenance(db: Db, who: Configurer, limits: Limits, body: NewMaintenance) -> MaintenanceOut:
    """Alerts of a placement, a service, an environment or everything page nobody until the end."""
    made = await db.write(
        lambda tx: service.start_maintenance(
            tx, who, service=body.service, environment=body.environment, reason=body.reason,
            until=body.end(tx.now), settings=limits,
        )
    )  # fmt: skip
    return maintenance_out(made)


@router.delete("/maintenance/{id}")
async def end_maintenance(db: Db, who: Configurer, id: str) -> MaintenanceOut:
    """The maintenance is over now."""
    return maintenance_out(await db.write(service.end_maintenance, who, id))
