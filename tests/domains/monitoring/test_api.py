"""Monitoring over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from staycalm.domains.monitoring import api
from tests.domains.accounts.server import HERE, Server, serve
from tests.domains.monitoring.world import FILE, LIVENESS, World


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    with serve(world.database, world.clock) as running:
        running.app.include_router(api.router)
        yield running


@pytest.fixture
def dev(server: Server) -> dict[str, str]:
    return server.token("dev", "developer")


def test_signals_of_a_placement(world: World, server: Server, dev: dict[str, str]) -> None:
    world.started()
    path = "/api/v1/monitoring/signals?service=shop&environment=production"
    answer = server.client().get(f"{path}&window=10m", headers=dev).json()
    assert answer["now"]["request_rate"] == pytest.approx(20, rel=0.05)
    assert answer["now"]["error_rate"] == 0.0
    assert set(answer["slots"]) == {"blue"}
    assert len(answer["points"]) == 120 and answer["points"][0]["request_rate"] is None
    assert {(each["kind"], each["ok"]) for each in answer["looks"]} == {
        ("probe", True),
        ("instances", True),
        ("integrity", True),
    }
    assert server.client().get(f"{path}&window=7d", headers=dev).status_code == 200


def test_signals_everywhere_are_one_answer(world: World, server: Server, dev: dict[str, str]) -> None:
    world.started()
    path = "/api/v1/monitoring/signals/everywhere"
    (shop,) = server.client().get(f"{path}?window=10m", headers=dev).json()["items"]
    assert (shop["service"], shop["environment"]) == ("shop", "production")
    assert shop["now"]["request_rate"] == pytest.approx(20, rel=0.05)
    assert len(shop["request_rates"]) == len(shop["error_rates"]) == len(shop["p95s_ms"]) == 120
    assert shop["request_rates"][0] is None and shop["error_rates"][-1] == 0.0
    assert server.client().get(f"{path}?window=1h", headers=dev).json()["code"] == "bad-window"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("service=shop&environment=production&window=soon", 422, "bad-duration"),
        ("service=shop&environment=production&window=5s", 422, "bad-window"),
        ("service=shop&environment=production&window=31d", 422, "bad-window"),
        ("service=shpo&environment=production", 404, "no-service"),
        ("service=shop&environment=staging", 404, "no-placement"),
        ("service=shop", 422, "invalid-input"),
    ],
)
def test_a_bad_question_is_refused(
    world: World, server: Server, dev: dict[str, str], query: str, status: int, code: str
) -> None:
    world.apply()
    answer = server.client().get(f"/api/v1/monitoring/signals?{query}", headers=dev)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_rules_and_where_they_stand(world: World, server: Server, dev: dict[str, str]) -> None:
    world.started(FILE + "rules: {own: {query: up, below: 1, priority: P3}}\n")
    world.prober.break_down(LIVENESS)
    world.pass_time(seconds=35)
    items = {r["name"]: r for r in server.client().get("/api/v1/monitoring/rules", headers=dev).json()["items"]}
    assert (items["own"]["is_shipped"], items["service-down"]["is_shipped"]) == (False, True)
    (down,) = items["service-down"]["standings"]
    assert (down["phase"], down["service"], down["priority"]) == ("firing", "shop", "P0")
    assert items["own"]["standings"][0]["health"] == "no_data"
    assert items["error-rate-5-percent"]["threshold_text"] == "5 %"


def test_a_report_is_made_on_demand_and_kept(world: World, server: Server, dev: dict[str, str]) -> None:
    world.apply()
    assert server.client().get("/api/v1/health-report", headers=dev).status_code in (200, 404)
    world.deploy()

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=server.app)
        async with httpx.AsyncClient(
            transport=transport, base_url=HERE, headers={**dev, "Origin": HERE}
        ) as client:
            asking = asyncio.create_task(client.post("/api/v1/health-report", timeout=20))
            while not asking.done():
                await asyncio.sleep(0.01)
                world.settle()
            return await asking

    answer = asyncio.run(ask())
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert (report["state"], report["ok"], report["is_on_demand"], report["asked_by"]) == (
        "done",
        True,
        True,
        "dev",
    )
    assert {"name": "disk", "status": "ok", "detail": "50 % free", "service": None, "environment": None} in report[
        "findings"
    ]
    assert server.client().get("/api/v1/health-report", headers=dev).json() == report
    assert server.client().get(f"/api/v1/health-report/{report['id']}", headers=dev).json() == report
    assert server.client().get("/api/v1/health-report/nonsense", headers=dev).status_code == 404


def test_when_nothing_that_is_due_is_done_the_report_says_so(server: Server, dev: dict[str, str]) -> None:
    answer = server.client().post("/api/v1/health-report?wait=0.2", headers=dev)
    assert (answer.status_code, answer.json()["code"]) == (503, "engine-silent")


def test_nobody_looks_without_signing_in(server: Server) -> None:
    client = server.client()
    for verb, path in (
        ("GET", "monitoring/signals?service=a&environment=b"),
        ("GET", "monitoring/signals/everywhere"),
        ("GET", "monitoring/rules"),
        ("GET", "health-report"),
        ("POST", "health-report"),
    ):
        assert client.request(verb, f"/api/v1/{path}").status_code == 401
