"""Routes about StayCalm itself: health, metrics, the live stream, backups, its settings."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel

from staycalm import __version__
from staycalm.app import live_pages
from staycalm.core.actor import Actor
from staycalm.core.errors import NotFound, Unavailable
from staycalm.kit.database import ReadTx, backup
from staycalm.kit.database.log import newest_seq
from staycalm.kit.http import Router, allow, public
from staycalm.kit.observability import CONTENT_TYPE

if TYPE_CHECKING:
    from staycalm.app.factory import Application

router = Router(tags=["system"])
BACKUP_NAME = re.compile(r"staycalm-[0-9-]+\.tar\.gz\Z")
ENGINE_LATE_S = 10.0


class HealthOut(BaseModel):
    """`status` is ok or failing; `problems` says in words what is wrong. Load balancers and `sc watch` ask."""

    status: str
    version: str
    database: str
    engine_age_s: float | None
    drives_edge: bool
    problems: list[str]


class BackupOut(BaseModel):
    """A verified backup: restored once into a scratch database, every table's bytes equal."""

    name: str
    file: str
    size: int
    rows: int
    revision: str


def _application(request: Request) -> Application:
    application: Application = request.app.state.application
    return application


async def look(application: Application) -> HealthOut:
    """Return how this process is."""
    problems: list[str] = []
    database = "ok"
    try:
        await asyncio.wait_for(application.database.read(_touch), 3.0)
    except (Unavailable, TimeoutError) as error:
        database = "failing"
        problems.append(f"the database does not answer: {error}")
    last = application.engine.last_turn_at
    age_s = (application.database.clock.now() - last).total_seconds() if last else None
    if age_s is not None and age_s > ENGINE_LATE_S:
        problems.append(f"the engine has not looked for {age_s:.0f} s")
    problems += application.self_watch.problems
    if application.outside.proxy_problem is not None:
        problems.append(f"the proxy does not run: {application.outside.proxy_problem}")
    problems += application.outside.envoy.troubles
    return HealthOut(
        status="failing" if problems else "ok",
        version=__version__,
        database=database,
        engine_age_s=age_s,
        drives_edge=application.edge.is_held(),
        problems=problems,
    )


def _touch(tx: ReadTx) -> int:
    return newest_seq(tx)


@router.get("/health", dependencies=[public()], response_model=HealthOut, responses={503: {"model": HealthOut}})
async def health(request: Request) -> Response:
    """Return 200 while this process works, 503 with the reasons otherwise. Public: load balancers ask it."""
    found = await look(_application(request))
    return JSONResponse(found.model_dump(), status_code=200 if found.status == "ok" else 503)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, who: Annotated[Actor, allow("metrics", "read")]) -> Response:
    """Return StayCalm's own figures in the Prometheus text format."""
    application = _application(request)
    figures = application.observability
    last = application.engine.last_turn_at
    if last is not None:
        figures.engine_age.set((application.database.clock.now() - last).total_seconds())
    figures.live_pages.set(application.live.watcher_count)
    return Response(figures.text(), media_type=CONTENT_TYPE)


@router.get("/live", include_in_schema=False)
async def live(
    request: Request,
    who: Annotated[Actor, allow("metrics", "read")],
    topic: Annotated[list[str], Query(max_length=8)],
) -> Response:
    """Stream the fragments of the topics as they change (server-sent events); each asks for what its page asks."""
    hub = _application(request).live
    topics = hub.known(live_pages.allowed(topic, request.state.identity.roles))
    if not topics:
        raise NotFound("no-topic", "there is nothing live under this name")
    credential = request.state.identity.credential_id or str(who)
    if not hub.may_open(credential):
        raise Unavailable("too-many-streams", "this log-in has too many live pages open", next_step="Close some.")
    stream = hub.stream(topics, credential)
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


@router.post("/api/v1/backups", status_code=201)
async def make_backup(request: Request, who: Annotated[Actor, allow("database", "write")]) -> BackupOut:
    """A verified backup is in the data directory."""
    application = _application(request)
    made: Any = await asyncio.to_thread(
        backup.write,
        application.database,
        application.directory.folder("backups"),
        kept=application.settings.database.backups_kept,
    )
    return BackupOut(
        name=made.file.name, file=str(made.file), size=made.size, rows=made.rows, revision=made.revision
    )


@router.get("/api/v1/backups/{name}", response_class=FileResponse)
async def get_backup(
    request: Request, who: Annotated[Actor, allow("database", "write")], name: str
) -> FileResponse:
    """Return a backup's bytes."""
    file = _application(request).directory.folder("backups") / name
    if not BACKUP_NAME.match(name) or not file.exists():
        raise NotFound("no-backup", f"there is no backup {name}")
    return FileResponse(file, media_type="application/gzip", filename=name)
