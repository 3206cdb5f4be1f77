"""Every route names what it needs as (resource, level); one hook, filled in wiring, decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

from fastapi import Depends, Request
from fastapi.routing import APIRoute

from staycalm.core.actor import ANONYMOUS, Actor
from staycalm.kit.database import Database

Resource = Literal[
    "logs", "metrics", "deploy", "config", "database", "secrets",
    "incidents", "alerts", "oncall", "catalog", "people", "audit",
]  # fmt: skip
Level = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class Permission:
    """What a route needs. None as resource: everybody may, signed in or not, and the docstring says why."""

    resource: Resource | None
    level: Level

    def __str__(self) -> str:
        return f"{self.resource or 'public'}:{self.level}"


class Guard(Protocol):
    """Who is asking, and may they? Filled by accounts through `app.state.guard`."""

    async def __call__(self, request: Request, permission: Permission) -> Actor:
        """Return the actor; raises Unauthenticated or Forbidden."""
        ...


class Check:
    """A dependency that a test can find on the route again."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> Actor:
        if self.permission.resource is None:
            return ANONYMOUS
        guard: Guard = request.app.state.guard
        actor = await guard(request, self.permission)
        request.state.actor = actor
        return actor


def allow(resource: Resource, level: Level) -> Any:
    """Return the dependency for `Annotated[Actor, allow("deploy", "write")]`."""
    return Depends(Check(Permission(resource, level)))


def public(level: Level = "read") -> Any:
    """Return the dependency of a route that needs nobody signed in."""
    return Depends(Check(Permission(None, level)))


def permission_of(route: APIRoute) -> Permission | None:
    """Return what the route needs; None when it names nothing, which a test refuses."""
    found = [d.call.permission for d in route.dependant.dependencies if isinstance(d.call, Check)]
    return found[0] if found else None


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


Db = Annotated[Database, Depends(_database)]
Who = Actor
Handler = Callable[..., Awaitable[Any]]
