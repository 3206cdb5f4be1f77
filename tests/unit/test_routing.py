"""Routes wait with their analysis, and answer like those that do not."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.exceptions import FastAPIError
from starlette.routing import Match
from starlette.testclient import TestClient

from staycalm.kit.http import Router


class NoShape:
    """Nothing that an answer could be made of."""


def scope(method: str, path: str) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "headers": [], "root_path": ""}


def test_a_route_is_found_before_it_is_analysed_and_its_fault_told_when_it_is() -> None:
    router = Router(prefix="/api")

    @router.put("/things/{name}")
    async def put_thing(name: str) -> NoShape:
        return NoShape()

    (route,) = router.routes
    assert route.matches(scope("PUT", "/api/things/a"))[0] is Match.FULL
    assert route.matches(scope("GET", "/api/things/a"))[0] is Match.PARTIAL
    assert route.matches(scope("PUT", "/things/a"))[0] is Match.NONE
    assert (route.name, route.methods) == ("put_thing", {"PUT"})  # type: ignore[attr-defined]
    with pytest.raises(FastAPIError, match="NoShape"):
        _ = route.dependant  # type: ignore[attr-defined]


def test_routes_that_are_taken_over_answer_in_their_order() -> None:
    inner, outer, app = Router(prefix="/things", tags=["things"]), Router(), FastAPI()

    @inner.get("/first")
    async def first() -> str:
        return "the first"

    @outer.get("/things/{number}")
    async def one(number: int) -> int:
        return number

    for each in (inner, outer):
        app.router.routes.extend(each.routes)
    client = TestClient(app)
    assert client.get("/things/first").json() == "the first"
    assert client.get("/things/7").json() == 7
    assert client.get("/things/seven").status_code == 422
    assert client.post("/things/first").status_code == 405
    assert app.openapi()["paths"]["/things/first"]["get"]["operationId"] == "things.first"


def test_an_included_router_cannot_be_given_what_its_routes_would_not_get() -> None:
    with pytest.raises(AssertionError):
        Router().include_router(Router(), prefix="/elsewhere")
