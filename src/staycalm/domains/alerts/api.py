"""REST routes of alerts. Muting has its own in `muting/api.py`, the webhook in `intake/api.py`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request

from staycalm.core.actor import Actor
from staycalm.core.priority import parse_priority
from staycalm.domains.alerts import queries, service
from staycalm.domains.alerts.browsing.decisions import AlertFilter, StateFilter, parse_filter
from staycalm.domains.alerts.browsing.queries import list_matching
from staycalm.domains.alerts.bulk.api import router as bulk_router
from staycalm.domains.alerts.decisions import firing
from staycalm.domains.alerts.edge import AlertsEdge
from staycalm.domains.alerts.intake.api import WEBHOOK_PATH, receive
from staycalm.domains.alerts.muting.api import router as muting_router
from staycalm.domains.alerts.schemas import (
    Acknowledgement,
    AlertOut,
    AlertPage,
    GroupOut,
    NewAlert,
    Resolution,
    alert_out,
    group_out,
    page_out,
)
from staycalm.kit.database import ReadTx
from staycalm.kit.http import Db, Router, allow

router = Router()
_alerts = Router(prefix="/api/v1/alerts", tags=["alerts"])


def _edge(request: Request) -> AlertsEdge:
    edge: AlertsEdge = request.app.state.alerts
    return edge


Edge = Annotated[AlertsEdge, Depends(_edge)]
Reader = Annotated[Actor, allow("alerts", "read")]
Writer = Annotated[Actor, allow("alerts", "write")]


Part = Annotated[str, Query(max_length=310)]


def _filter(
    severity: Annotated[
        str, Query(max_length=100, description="P0-P3, SEV1-SEV4, critical (P0) …; several with commas.")
    ] = "",
    state: Annotated[StateFilter, Query(description="open: firing, acknowledged or suppressed.")] = "open",
    service: Part = "", environment: Part = "", team: Part = "", source: Part = "", rule: Part = "",
    label: Annotated[str, Query(max_length=310, description="name=value.")] = "",
    q: Annotated[
        str, Query(max_length=310, description="Looked for in summary, rule and service; ALG-n is a group.")
    ] = "",
) -> AlertFilter:  # fmt: skip
    words = {"service": service, "environment": environment, "team": team, "source": source, "rule": rule}
    return parse_filter({**words, "state": state, "priority": severity, "label": label, "q": q})


@_alerts.get("")
async def list_alerts(
    db: Db,
    who: Reader,
    wanted: Annotated[AlertFilter, Depends(_filter)],
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> AlertPage:
    """Return open alerts, the most urgent first; resolved ones, the newest first."""
    return page_out(await db.read(list_matching, wanted, limit=limit, cursor=cursor))


@_alerts.post("", status_code=201)
async def raise_alert(db: Db, who: Writer, edge: Edge, body: NewAlert) -> AlertOut:
    """The alert is open. Raising it again with the same dedup_key changes nothing."""
    report = firing(
        dedup_key=body.dedup_key, summary=body.summary, priority=parse_priority(body.priority),
        service=body.service, environment=body.environment, rule=body.rule, labels=body.labels,
        details=body.details,
    )  # fmt: skip
    return alert_out(await db.read(queries.get_alert, await edge.intake.open(who, report)))


@_alerts.get("/groups/{id}")
async def get_group(db: Db, who: Reader, id: str) -> GroupOut:
    """Return the group ALG-n with its alerts."""
    return await db.read(_group, id)


def _group(tx: ReadTx, id: str) -> GroupOut:
    group = queries.get_group(tx, id)
    return group_out(group, queries.alerts_of_group(tx, group.id))


@_alerts.get("/{id}")
async def get_alert(db: Db, who: Reader, id: str) -> AlertOut:
    """Return one alert."""
    return alert_out(await db.read(queries.get_alert, id))


@_alerts.post("/{id}/acknowledge")
async def acknowledge(db: Db, who: Writer, id: str, body: Acknowledgement | None = None) -> list[AlertOut]:
    """The caller has it: an alert, or (ALG-n) every firing alert of a group."""
    version = body.version if body else None
    return [alert_out(alert) for alert in await db.write(service.acknowledge, who, id, version=version)]


@_alerts.post("/{id}/resolve")
async def resolve(db: Db, who: Writer, id: str, body: Resolution | None = None) -> list[AlertOut]:
    """It is over: an alert, or (ALG-n) every open alert of a group. Refused while its rule still fires."""
    reason = body.reason if body else ""
    return [alert_out(alert) for alert in await db.write(service.resolve, who, id, reason=reason)]


# Muting and bulks before alerts: `/silences` must not be read as the id of an alert.
router.include_router(muting_router)
router.include_router(bulk_router)
router.add_route(WEBHOOK_PATH, receive, methods=["POST"], include_in_schema=False)
router.include_router(_alerts)
