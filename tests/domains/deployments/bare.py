"""Routes over HTTP with nothing around them but a guard that the test is."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request

from staycalm.core.actor import Actor
from staycalm.core.errors import Forbidden
from staycalm.kit.database import Database
from staycalm.kit.http import Permission, install_problem_details
from tests.domains.deployments.world import CI


class Caller:
    """Who is asking; `may` are the resources they may write."""

    def __init__(self, actor: Actor = CI) -> None:
        self.actor = actor
        self.may = {"deploy"}

    async def __call__(self, request: Request, permission: Permission) -> Actor:
        if permission.level == "write" and permission.resource not in self.may:
            raise Forbidden("forbidden", f"{permission} is not yours", next_step="Ask somebody who may.")
        return self.actor


def bare_app(database: Database, caller: Caller, *routers: APIRouter, **state: Any) -> FastAPI:
    """Return an application of these routes; `state` is what its edges need."""
    app = FastAPI()
    app.state.database = database
    app.state.guard = caller
    for name, value in state.items():
        setattr(app.state, name, value)
    install_problem_details(app)
    for each in routers:
        app.include_router(each)
    return app
