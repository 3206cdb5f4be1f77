"""The webhook is found before any router, and keeps every defence of the routes that are not."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from staycalm.core.actor import Actor
from staycalm.domains.accounts.people import Identity
from staycalm.domains.accounts.sign_in.tokens import create_token
from staycalm.domains.alerts.intake.api import WEBHOOK_PATH
from staycalm.kit.http import install_problem_details
from staycalm.kit.http.direct import Direct
from tests.api.application import DAY_S, NOBODY, Asked

DEFENCES = ("x-content-type-options", "x-frame-options", "referrer-policy", "content-security-policy",
            "cross-origin-opener-policy", "cache-control")  # fmt: skip
REPORT = {"summary": "disk is full", "priority": "P3", "dedup_key": "disk"}


@pytest.mark.parametrize(
    ("who", "method", "named", "status"),
    [
        ("developer", "POST", {"json": REPORT}, 200),
        (NOBODY, "POST", {"json": REPORT}, 401),
        ("ci", "POST", {"json": REPORT}, 403),
        ("developer", "POST", {"content": b"{"}, 422),
        ("developer", "POST", {"content": b" " * (2 * 1024 * 1024 + 1)}, 422),
        ("developer", "POST", {"content": b"{}", "headers": {"Content-Length": str(9 * 1024 * 1024)}}, 413),
        ("developer", "GET", {}, 404),
    ],
)
def test_the_short_way_answers_like_any_other_route(
    asked: Asked, who: str, method: str, named: dict[str, Any], status: int
) -> None:
    before = answered(asked, method, status)
    found = asked.ask(who, method, WEBHOOK_PATH, **named)
    assert found.status_code == status, found.text
    assert all(name in found.headers for name in DEFENCES)
    if status >= 400:
        assert found.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "detail", "code"} <= found.json().keys()
    if status != 413:  # is refused before anything counts
        assert answered(asked, method, status) == before + 1


def answered(asked: Asked, method: str, status: int) -> float:
    registry = asked.application.observability.registry
    labels = {"method": method, "status": str(status)}
    return registry.get_sample_value("staycalm_http_requests_total", labels) or 0.0


def test_a_mistake_of_the_program_is_an_answer_without_a_traceback() -> None:
    async def wrong(request: Request) -> Response:
        raise ZeroDivisionError(f"secret of {request.url.path}")

    api = FastAPI()
    install_problem_details(api)
    with TestClient(Direct(api, {("POST", "/wrong"): wrong})) as client:
        found = client.post("/wrong")
    assert (found.status_code, found.json()["code"]) == (500, "unforeseen")
    assert "secret" not in found.text


def test_a_revoked_token_is_refused_by_the_next_request_while_others_are_under_way(asked: Asked) -> None:
    me = Identity(Actor("person", "a-developer"), frozenset({"developer"}), "session")
    write = asked.application.database.write
    made = asked.runner.run(write(create_token, me, name="sender", roles=None, valid_s=DAY_S, longest_s=DAY_S))
    headers = {"Authorization": f"Bearer {made.secret}"}

    async def story() -> list[httpx.Response]:
        async def report() -> httpx.Response:
            return await asked.client.post(WEBHOOK_PATH, json=REPORT, headers=headers)

        before = [asyncio.create_task(report()) for _ in range(10)]
        admin = {"Authorization": f"Bearer {asked.tokens['developer']}"}
        revoked = await asked.client.delete(f"/api/v1/tokens/{made.id}", headers=admin)
        assert revoked.status_code == 204, revoked.text
        after = [await report() for _ in range(2)]
        await asyncio.gather(*before)
        return after

    assert [each.status_code for each in asked.runner.run(story())] == [401, 401]
