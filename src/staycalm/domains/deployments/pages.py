"""Pages of deployments: the list, one rollout as a picture, and the buttons of whoever may deploy."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from staycalm.core.actor import Actor
from staycalm.domains.accounts.public import decide
from staycalm.domains.deployments import queries, service
from staycalm.domains.deployments.edge import Edge
from staycalm.domains.deployments.log_view import logged, read_log
from staycalm.domains.deployments.machine import STATES
from staycalm.domains.deployments.picture import queries as picture
from staycalm.domains.deployments.picture.drawing import picture_of
from staycalm.domains.deployments.picture.views import Card, RolloutView, card, rollout_view
from staycalm.domains.deployments.records import Deployment, Revision
from staycalm.kit.database import Database, ReadTx
from staycalm.kit.http import Db, Router, Views, allow, view
from staycalm.kit.http.pictures import as_file, asked_part

page_router = Router(include_in_schema=False)
Reader = Annotated[Actor, allow("metrics", "read")]
Deployer = Annotated[Actor, allow("deploy", "write")]
Reason = Annotated[str, Form(max_length=2000)]
Filter = Annotated[str, Query(max_length=100)]
Sought = Annotated[str, Query(max_length=200)]
LogReader = Annotated[Actor, allow("logs", "read")]
Part = Annotated[tuple[float, float] | None, Depends(asked_part)]
ROWS = 50


@page_router.get("/deployments")
async def show_deployments(
    request: Request, db: Db, who: Reader, service: Filter = "", environment: Filter = "", state: Filter = "",
    cursor: Filter = "",
) -> Response:  # fmt: skip
    """What runs now, and everything deployed so far, the newest first; the filter stands in the address."""
    wanted = {"service": service, "environment": environment, "state": state}
    asked: dict[str, Any] = {name: value or None for name, value in wanted.items()}
    page = await db.read(queries.list_deployments, limit=ROWS, cursor=cursor or None, **asked)
    running = await db.read(running_cards)
    return view(
        request, "deployments/list.html", page=page, running=running, wanted=wanted, states=STATES, cursor=cursor
    )


@page_router.get("/deployments/{name}")
async def show_deployment(
    request: Request, db: Db, who: Reader, edge: Edge, name: str, part: Part, log: Filter = "", q: Sought = ""
) -> Response:
    """One rollout: its picture, the verdict in words, what happened, what is ahead, and the logs."""
    course = await db.read(picture.read_course, name, part)
    roles = request.state.identity.roles
    known = logged(course.deployment, course.revisions) if decide(roles, "logs", "read") else {}
    return view(
        request, "deployments/show.html", rollout=rollout_view(course), d=course.deployment,
        logs=await read_log(db, edge, known, of=log, q=q), may_deploy=decide(roles, "deploy", "write"),
        part_query=f"?from={part[0]:.0f}&to={part[1]:.0f}" if part else "",
    )  # fmt: skip


@page_router.get("/deployments/{name}/picture.svg")
async def save_picture(db: Db, who: Reader, name: str, part: Part) -> Response:
    """The course of the rollout as a file that stands alone, for a post-mortem."""
    course = await db.read(picture.read_course, name, part)
    return as_file(picture_of(course), f"{course.deployment.id}.svg")


@page_router.get("/deployments/{name}/log")
async def show_log(
    request: Request, db: Db, who: LogReader, edge: Edge, name: str, log: Filter = "", q: Sought = ""
) -> Response:
    """The lines alone, for a page that follows them; 304 while there is nothing new."""
    known = await db.read(_logged, name)
    logs = await read_log(db, edge, known, of=log, q=q)
    if logs is None:
        return Response()
    tag = f'"{logs.tag}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    drawn: Response = view(request, "deployments/lines.html", logs=logs)
    drawn.headers["ETag"] = tag
    return drawn


@page_router.post("/deployments/{name}/pause")
async def pause(db: Db, who: Deployer, edge: Edge, name: str, reason: Reason) -> Response:
    """The rollout's clock stands still."""
    return _back(await db.write(service.pause, who, name, reason=reason, settings=edge.settings))


@page_router.post("/deployments/{name}/resume")
async def resume(db: Db, who: Deployer, edge: Edge, name: str) -> Response:
    """The rollout goes on."""
    return _back(await db.write(service.resume, who, name, settings=edge.settings))


@page_router.post("/deployments/{name}/promote")
async def promote(
    db: Db, who: Deployer, edge: Edge, name: str, reason: Reason, to: Annotated[str, Form()] = "next"
) -> Response:
    """The rollout does not wait for the end of its step."""
    is_full = to == "full"
    return _back(
        await db.write(service.promote, who, name, reason=reason, settings=edge.settings, to_full=is_full)
    )


@page_router.post("/deployments/{name}/rollback")
async def roll_back(db: Db, who: Deployer, edge: Edge, name: str, reason: Reason) -> Response:
    """Stable serves everything again."""
    return _back(await db.write(service.roll_back, who, name, reason=reason, settings=edge.settings))


@page_router.post("/deployments/{name}/abort")
async def abort(db: Db, who: Deployer, edge: Edge, name: str, reason: Reason) -> Response:
    """The deployment ends without its release."""
    return _back(await db.write(service.abort, who, name, reason=reason, settings=edge.settings))


def running_cards(tx: ReadTx) -> tuple[Card, ...]:
    """Return the rollouts that run now, the newest first."""
    return tuple(card(d) for d in picture.list_running(tx))


def _logged(tx: ReadTx, name: str) -> dict[str, Revision]:
    d = queries.get_deployment(tx, name)
    return logged(d, queries.find_revisions(tx, [d.candidate_revision, d.stable_revision]))


def _rollout(tx: ReadTx, name: str) -> RolloutView:
    return rollout_view(picture.read_course(tx, name))


async def draw_rollout(db: Database, views: Views, key: str) -> str:
    """Return the changing part of a rollout's page."""
    return views.fragment("deployments/rollout.html", rollout=await db.read(_rollout, key))


async def draw_running(db: Database, views: Views, key: str) -> str:
    """Return the rollouts that run now."""
    return views.fragment("deployments/running.html", running=await db.read(running_cards))


def _back(d: Deployment) -> Response:
    return RedirectResponse(f"/deployments/{d.id}", status_code=303)
