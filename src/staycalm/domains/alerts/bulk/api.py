"""REST routes of acting on many alerts at once. Muting asks for more than the other verbs, so it has its own."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request

from staycalm.core.actor import Actor
from staycalm.domains.alerts.bulk import choosing, queries, service
from staycalm.domains.alerts.bulk.schemas import (
    BulkOut,
    BulkSilenceOut,
    NewBulk,
    NewBulkSilence,
    bulk_out,
    counted_out,
    kinds_out,
)
from staycalm.domains.alerts.edge import AlertsEdge
from staycalm.kit.database import ReadTx, Tx
from staycalm.kit.http import Db, Router, allow

router = Router(prefix="/api/v1/alerts/bulk", tags=["alerts"])
Reader = Annotated[Actor, allow("alerts", "read")]
Writer = Annotated[Actor, allow("alerts", "write")]
Configurer = Annotated[Actor, allow("config", "write")]


@router.post("")
async def act_on_many(db: Db, who: Writer, body: NewBulk) -> BulkOut:
    """Many alerts are acknowledged or resolved: at most a thousand at once, the rest by itself right after."""
    choice = body.choice()
    if body.dry_run:
        return counted_out(body.action, await db.read(choosing.count, choice))

    def act(tx: Tx) -> BulkOut:
        return bulk_out(choosing.act(tx, who, body.action, choice, body.reason), tx.now)

    return await db.write(act)


@router.post("/silence")
async def silence_many(request: Request, db: Db, who: Configurer, body: NewBulkSilence) -> BulkSilenceOut:
    """Alerts like the chosen ones page nobody until the end: one silence per service, environment and rule."""
    edge: AlertsEdge = request.app.state.alerts
    choice = body.choice()
    if body.dry_run:
        return kinds_out(await db.read(choosing.kinds_of, choice))

    def silence(tx: Tx) -> BulkSilenceOut:
        found, until = choosing.kinds_of(tx, choice), body.end(tx.now)
        made = choosing.silence(tx, who, choice, until=until, reason=body.reason, settings=edge.settings)
        return kinds_out(found, made)

    return await db.write(silence)


@router.get("/{id}")
async def get_bulk(db: Db, who: Reader, id: str) -> BulkOut:
    """Return how far BLK-n is."""

    def look(tx: ReadTx) -> BulkOut:
        return bulk_out(queries.get_bulk(tx, id), tx.now)

    return await db.read(look)


@router.post("/{id}/undo")
async def undo_bulk(db: Db, who: Writer, id: str) -> BulkOut:
    """What BLK-n acknowledged less than ten minutes ago, and nobody has touched since, fires again."""

    def undo(tx: Tx) -> BulkOut:
        return bulk_out(service.undo(tx, who, id), tx.now)

    return await db.write(undo)
