"""Pages of deployments: the list, one rollout as a picture, and the buttons of whoever may deploy."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from staycalm.core.actor import Actor
from staycalm.domains.accounts.public import decide
from staycalm.domains.deployments import queries, service
from staycalm.domains.deployments.edge import DeploymentsEdge, Edge
from staycalm.domains.deployments.machine import STATES
from staycalm.domains.deployments.picture import queries as picture
from staycalm.domains.deployments.picture.views import Card, RolloutView, card, rollout_view
from staycalm.domains.deployments.records import Deployment, Revision
from staycalm.kit.database import Database, ReadTx
from staycalm.kit.http import Db, Views, allow, view
from staycalm.ports.errors import PortError

page_router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, allow("metrics", "read")]
Deployer = Annotated[Actor, allow("deploy", "write")]
Reason = Annotated[str, Form(max_length=2000)]
Filter = Annotated[str, Query(max_length=100)]
ROWS = 50
LOG_LINES = 60
LOG_WAIT_S = 2.0


@dataclass(frozen=True)
class Logs:
    """The last lines of a revision, or why there are none."""

    revision: str
    lines: tuple[str, ...] = ()
    problem: str = ""


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
async def show_deployment(request: Request, db: Db, who: Reader, edge: Edge, name: str) -> Response:
    """One rollout: its picture, the verdict in words, what happened, and what is ahead."""
    course = await db.read(picture.read_course, name)
    roles = request.state.identity.roles
    logs = await _logs(db, edge, course) if decide(roles, "logs", "read") else None
    return view(
        request, "deployments/show.html", rollout=rollout_view(course), d=course.deployment, logs=logs,
        may_deploy=decide(roles, "deploy", "write"),
    )  # fmt: skip


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


async def _logs(db: Database, edge: DeploymentsEdge, course: picture.Course) -> Logs | None:
    """Return the candidate's last lines; a target that does not answer costs the page two seconds at most."""
    revision = course.revisions.get(course.deployment.candidate_revision or "")
    if revision is None:
        return None
    try:
        return Logs(revision.name, await asyncio.wait_for(_lines(db, edge, revision), LOG_WAIT_S))
    except (PortError, TimeoutError, KeyError) as error:
        return Logs(revision.name, problem=f"the log cannot be read now: {str(error) or 'no answer in time'}")


async def _lines(db: Database, edge: DeploymentsEdge, revision: Revision) -> tuple[str, ...]:
    if revision.state in ("stopped", "removed"):
        saved = await db.read(picture.kept_logs, revision.name)
        return tuple(str(line.get("text", "")) for line in saved[-LOG_LINES:])
    found = await edge.targets[revision.target].logs(revision.name, tail=LOG_LINES)
    return tuple(line.text for line in found)
