"""Deployments over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from staycalm.domains.deployments.api import router
from staycalm.domains.deployments.edge import DeploymentsEdge
from staycalm.domains.deployments.strategies import Step
from tests.domains.deployments.bare import Caller, bare_app
from tests.domains.deployments.world import World, digest_of


@pytest.fixture
def caller() -> Caller:
    return Caller()


@pytest.fixture
def http(world: World, caller: Caller) -> Iterator[TestClient]:
    edge = DeploymentsEdge(world.settings, {"process": world.target}, world.smoke)
    app = bare_app(world.db, caller, router, deployments=edge)
    with TestClient(app) as client:
        yield client


def ask(http: TestClient, path: str, **body: Any) -> Any:
    return http.post(f"/api/v1/deployments{path}", json=body)


def test_a_release_is_deployed_and_followed(world: World, http: TestClient) -> None:
    world.release("v1")
    made = ask(http, "", service="shop", environment="production", release=digest_of("v1")[7:19])
    assert made.status_code == 201 and made.json()["id"] == "DEP-1" and made.json()["state"] == "pending"
    world.run_to("completed")
    found = http.get("/api/v1/deployments/DEP-1").json()
    assert found["state"] == "completed" and found["revisions"][0]["state"] == "serving"
    (live,) = http.get("/api/v1/deployments/live").json()["items"]
    assert (live["deployment"], live["by"], live["digest"]) == ("DEP-1", "service:ci", digest_of("v1"))


def test_a_rollout_shows_its_steps_evidence_and_seconds(world: World, http: TestClient) -> None:
    world.first()
    world.deploy("v2", steps=(Step(20.0, 60.0), Step(50.0, 60.0)))
    world.run(60, until=lambda: world.newest().weight == 20)
    world.run(30)
    found = http.get("/api/v1/deployments/DEP-2").json()
    assert [step["state"] for step in found["steps"]] == ["now", "ahead"]
    assert found["evidence"]["metrics"][0]["name"] == "errors"
    assert found["announcement"]["sentences"]
    assert "preview_token" not in str(found) or not found.get("preview_token")
    seconds = http.get("/api/v1/deployments/DEP-2/history").json()["items"]
    assert len(seconds) > 3 and {"candidate", "stable", "verdict"} <= set(seconds[-1]["body"])
    last = seconds[-2]["second"]
    later = http.get(f"/api/v1/deployments/DEP-2/history?after={last}").json()["items"]
    assert [moment["second"] for moment in later] == [seconds[-1]["second"]]


def test_people_pause_resume_promote_and_roll_back(world: World, http: TestClient) -> None:
    world.first()
    world.deploy("v2", steps=(Step(20.0, 60.0), Step(50.0, 60.0)))
    world.run(60, until=lambda: world.newest().weight == 20)
    assert ask(http, "/DEP-2/pause", reason="look").json()["is_paused"]
    assert not ask(http, "/DEP-2/resume").json()["is_paused"]
    assert ask(http, "/DEP-2/promote").json()["wanted_weight"] == 50
    back = ask(http, f"/{digest_of('v2')[7:19]}/rollback", reason="no")
    assert back.json()["state"] == "rolling-back"
    world.run_to("rolled-back", 10)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("", {"service": "shop", "environment": "production", "release": "REL-9"}, 404, "no-such-release"),
        ("", {"service": "shop", "environment": "moon", "release": "REL-1"}, 404, "no-environment"),
        ("", {"service": "shop"}, 422, "invalid-input"),
        (
            "",
            {
                "service": "shop", "environment": "production", "release": "REL-1",
                "steps": [{"weight": 101, "duration_s": 1}],
            },
            422,
            "bad-weight",
        ),
        ("/DEP-99/rollback", {}, 404, "no-such-deployment"),
        ("/what/rollback", {}, 422, "bad-deployment"),
        ("/DEP-1/resume", {}, 409, "not-frozen"),
        ("/DEP-1/rollback", {}, 409, "nothing-before"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_in_one_sentence(
    world: World, http: TestClient, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    world.first()
    answer = ask(http, path, **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["detail"] and answer.json().get("next_step")


def test_whoever_may_not_deploy_may_still_look(world: World, http: TestClient, caller: Caller) -> None:
    world.first()
    caller.may = frozenset()
    assert http.get("/api/v1/deployments").status_code == 200
    for path in ("", "/DEP-1/rollback", "/DEP-1/pause", "/DEP-1/resume", "/DEP-1/promote", "/DEP-1/abort"):
        assert ask(http, path).status_code == 403


def test_what_is_live_is_verified(world: World, http: TestClient) -> None:
    assert ask(http, "/verify?environment=production").json()["code"] == "nothing-live"
    world.first()
    found = ask(http, "/verify?environment=production").json()
    assert found["ok"] and [check["name"] for check in found["checks"]] == ["health"]
    assert world.smoke.asked[-1].host_header == "shop.example"
    world.smoke.failing["health"] = "answered 503"
    assert not ask(http, "/verify?environment=production").json()["ok"]
    assert ask(http, "/verify?environment=moon").status_code == 404


def test_logs_of_a_revision_outlive_it(world: World, http: TestClient) -> None:
    world.first()
    found = http.get("/api/v1/deployments/revisions/shop-production-1/logs").json()
    assert [line["text"] for line in found["lines"]] == ["started"] and not found["is_kept"]
    found = http.get("/api/v1/deployments/services/shop/logs?environment=production").json()
    assert found["revision"] == "shop-production-1"
    assert http.get("/api/v1/deployments/revisions/nothing/logs").status_code == 404
    world.deploy("v2", steps=(Step(50.0, 20.0),))
    world.run_to("completed", 200)
    world.run(2400)
    found = http.get("/api/v1/deployments/revisions/shop-production-1/logs").json()
    assert found["is_kept"] and [line["text"] for line in found["lines"]] == ["started"]


def test_lists_come_in_pages(world: World, http: TestClient) -> None:
    for number in range(5):
        world.deploy(f"v{number}", steps=(Step(50.0, 10.0),))
        world.run(300, until=lambda: not world.newest().is_running)
        world.run(1)
    first = http.get("/api/v1/deployments?limit=2").json()
    rest = http.get(f"/api/v1/deployments?limit=500&cursor={first['next_cursor']}").json()
    assert [each["id"] for each in first["items"] + rest["items"]] == ["DEP-5", "DEP-4", "DEP-3", "DEP-2", "DEP-1"]
    assert http.get("/api/v1/deployments?limit=0").status_code == 422
    assert http.get("/api/v1/deployments?state=completed&service=shop").json()["items"]
    assert not http.get("/api/v1/deployments?service=other").json()["items"]
