"""Every route × every role: what the access matrix says is what is answered."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Mount, Route

from staycalm.app.openapi import permissions
from staycalm.domains.accounts.public import decide
from staycalm.domains.alerts.intake.api import WEBHOOK_PATH
from staycalm.kit.http import Permission
from tests.api.application import ASKERS, NOBODY, Asked
from tests.api.document import API

PUBLIC = {
    "GET /health": "load balancers and watchdogs ask it without an account",
    "POST /api/v1/login": "this is how one gets in",
    "GET /login": "this is how one gets in",
    "POST /login": "this is how one gets in",
    "POST /logout": "ends the session that came with the request, if any",
    "GET /set-up/{code}": "the printed link is the permission",
    "POST /set-up/{code}": "the printed link is the permission",
    "GET /invitation/{code}": "the link is the permission",
    "POST /invitation/{code}": "the link is the permission",
    "GET /ack/{token}": "the link in the message is the permission",
    "POST /ack/{token}": "the link in the message is the permission",
    "GET /digest/stop/{token}": "the link in the mail is the permission, to end the digest alone",
    "POST /digest/stop/{token}": "the link in the mail is the permission, to end the digest alone",
    "GET /calendar/{token}.ics": "the secret address is the permission, to read a calendar",
}
ONES_OWN = {
    "GET /api/v1/whoami", "GET /api/v1/tokens", "POST /api/v1/tokens", "DELETE /api/v1/tokens/{token_id}",
    "GET /api/v1/sessions", "DELETE /api/v1/sessions", "DELETE /api/v1/sessions/{session_id}", "GET /account",
    "GET /settings", "GET /settings/tokens", "POST /settings/tokens", "POST /settings/tokens/{token_id}/revoke",
    "GET /settings/sessions", "POST /settings/sessions/end-others", "POST /settings/sessions/{session_id}/end",
    "GET /settings/display", "POST /settings/display", "GET /settings/password", "POST /settings/password",
    "POST /logout", "PUT /api/v1/whoami/time-zone",
}  # fmt: skip
# Routes that FastAPI does not know as its own: the webhook asks the guard itself.
PLAIN = {WEBHOOK_PATH: "asks for alerts:write itself", "/api/v1/openapi.json": "the public description of the API"}

# Nothing is waited for and no stream is opened: what is asked for is wrong, after the question who asks.
WRONG = {"topic": "nothing", "wait": "nothing"}

ROUTES = sorted(permissions(API.routes).items())


def name_of(method: str, path: str) -> str:
    return f"{method.upper()} {path}"


def filled(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "nothing-like-it", path)


def request_body(path: str) -> dict[str, Any]:
    return {"json": {}} if path.startswith("/api/") else {"data": {"text": "x"}}


def test_every_route_is_one_that_can_be_checked() -> None:
    for route in API.routes:
        if isinstance(route, APIRoute):
            continue
        assert isinstance(route, (Route, Mount)), route
        assert route.path in PLAIN, f"{route.path} names no permission"


def test_every_route_names_a_permission() -> None:
    unnamed = [name_of(*where) for where, permission in ROUTES if permission is None]
    assert unnamed == []


def test_only_these_routes_are_public_and_each_has_its_reason() -> None:
    public = {name_of(*where) for where, needed in ROUTES if needed is not None and needed.resource is None}
    assert public == set(PUBLIC) | ONES_OWN


@pytest.mark.parametrize("who", ASKERS)
def test_the_answer_is_what_the_matrix_says(asked: Asked, who: str) -> None:
    wrong = []
    for (method, path), needed in ROUTES:
        assert needed is not None
        answer = asked.ask(who, method, filled(path), params=WRONG, **request_body(path))
        said = _code(answer)
        if answer.status_code >= 500:
            wrong.append(f"{name_of(method, path)}: {answer.status_code} {answer.text[:200]}")
        elif (problem := _unexpected(name_of(method, path), needed, who, answer.status_code, said)) is not None:
            wrong.append(f"{name_of(method, path)}: {problem}; answered {answer.status_code} {said}")
    assert wrong == []


def _unexpected(name: str, needed: Permission, who: str, status: int, code: str) -> str | None:
    if needed.resource is None:
        if name in ONES_OWN and who == NOBODY:
            return None if status == 401 else "asks for somebody signed in"
        return "is public" if code in ("not-signed-in", "not-allowed") else None
    if who == NOBODY:
        return None if status == 401 else "asks for somebody signed in"
    if decide({who}, needed.resource, needed.level):
        return f"{who} may do this" if status == 401 or code == "not-allowed" else None
    return None if (status, code) == (403, "not-allowed") else f"{who} may not do this"


def _code(answer: Any) -> str:
    if answer.request.method == "HEAD" and answer.status_code == 403:
        return "not-allowed"  # a HEAD has no body to say it in
    if "json" not in answer.headers.get("content-type", "") or not answer.content:
        return ""
    found = answer.json()
    return str(found.get("code", "")) if isinstance(found, dict) else ""


@pytest.mark.parametrize("who", ASKERS)
def test_the_webhook_asks_for_alerts_write(asked: Asked, who: str) -> None:
    expected = 401 if who == NOBODY else 403 if not decide({who}, "alerts", "write") else 422
    assert asked.ask(who, "POST", WEBHOOK_PATH, content=b"{").status_code == expected


def test_a_dead_token_is_not_signed_in(asked: Asked) -> None:
    answer = asked.ask(NOBODY, "GET", "/api/v1/deployments", headers={"Authorization": "Bearer sc_pat_gone"})
    assert (answer.status_code, answer.json()["code"]) == (401, "bad-token")
