"""Alerts over HTTP: who may do what, filters, the webhook, silences and maintenance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from staycalm.domains.alerts.api import router
from staycalm.domains.alerts.edge import AlertsEdge
from staycalm.kit.database import Database
from tests.conftest import VirtualClock
from tests.domains.accounts.server import Server, serve
from tests.domains.alerts.world import World

ALERTS = "/api/v1/alerts"
HOOK = "/api/v1/alerts/webhook"


@pytest.fixture
def server(world: World, world_db: Database, clock: VirtualClock) -> Iterator[Server]:
    with serve(world_db, clock) as running:
        running.app.include_router(router)
        running.app.state.alerts = AlertsEdge(world_db, world.settings)
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[TestClient]:
    with server.client() as connected:
        yield connected


@pytest.fixture
def dev(server: Server) -> dict[str, str]:
    return server.token("dev", "developer")


@pytest.fixture
def ops(server: Server) -> dict[str, str]:
    return server.token("ops", "devops")


def report(**more: Any) -> dict[str, Any]:
    return {
        "service": "shop", "environment": "production", "summary": "the disk is full", "severity": "critical",
        "dedup_key": "disk", **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        ("critical", ["P0"]),
        ("P0", ["P0"]),
        ("SEV1", ["P0"]),
        ("high", ["P1"]),
        ("warning", ["P2"]),
        ("medium,low", ["P2", "P3"]),
        ("Sev4", ["P3"]),
        (None, ["P0", "P1", "P2", "P3"]),
    ],
)
def test_alerts_are_listed_by_severity(
    world: World, client: TestClient, dev: dict[str, str], severity: str | None, expected: list[str]
) -> None:
    for n in range(4):
        world.raised(f"k{n}", priority=f"P{n}")
    params = {"severity": severity} if severity else {}
    answer = client.get(ALERTS, params=params, headers=dev)
    assert [alert["priority"] for alert in answer.json()["items"]] == expected


def test_an_unknown_severity_is_refused_with_the_known_ones(client: TestClient, dev: dict[str, str]) -> None:
    answer = client.get(ALERTS, params={"severity": "urgent"}, headers=dev)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-priority")
    assert "critical" in answer.json()["next_step"]


def test_nobody_reads_or_sends_without_signing_in(client: TestClient) -> None:
    for verb, path in (("GET", ALERTS), ("POST", ALERTS), ("POST", HOOK), ("GET", f"{ALERTS}/silences")):
        assert client.request(verb, path, json=report()).status_code == 401


def test_an_alert_raised_by_hand_is_shown_acknowledged_and_resolved(
    client: TestClient, dev: dict[str, str]
) -> None:
    body = {"summary": "odd smell", "priority": "high", "service": "shop", "environment": "production"}
    made = client.post(ALERTS, json=body, headers=dev)
    assert (made.status_code, made.json()["priority"], made.json()["source"]) == (201, "P1", "api")
    path = f"{ALERTS}/{made.json()['id']}"
    taken = client.post(f"{path}/acknowledge", json={"version": made.json()["version"]}, headers=dev).json()
    assert (taken[0]["state"], taken[0]["acknowledged_by"]) == ("acknowledged", "dev")
    done = client.post(f"{path}/resolve", json={"reason": "opened a window"}, headers=dev).json()
    assert done[0]["state"] == "resolved"
    late = client.post(f"{path}/acknowledge", headers=dev)
    assert (late.status_code, late.json()["code"]) == (409, "alert-resolved")
    assert client.get(path, headers=dev).json()["state"] == "resolved"


def test_a_group_is_shown_and_acknowledged_as_one(client: TestClient, dev: dict[str, str]) -> None:
    client.post(HOOK, json=[report(dedup_key=key) for key in "abc"], headers=dev)
    group = client.get(f"{ALERTS}/groups/alg-1", headers=dev).json()
    assert (group["id"], group["is_open"], len(group["alerts"])) == ("ALG-1", True, 3)
    taken = client.post(f"{ALERTS}/ALG-1/acknowledge", headers=dev).json()
    assert {alert["state"] for alert in taken} == {"acknowledged"}


def test_the_webhook_opens_changes_and_closes(world: World, client: TestClient, dev: dict[str, str]) -> None:
    actions = []
    for body in (
        report(),
        report(),
        report(summary="fuller"),
        report(status="resolved"),
        report(status="resolved"),
        {"service": "shop", "dedup_key": "disk", "status": "resolved"},
    ):
        answer = client.post(HOOK, json=body, headers=dev)
        assert answer.status_code == 200
        actions += [each["action"] for each in answer.json()["alerts"]]
    assert actions == ["open", "nothing", "change", "close", "nothing", "nothing"]
    assert world.bodies("alerts.raised")[0]["actor"] == "dev"


def test_the_webhook_takes_a_batch_and_ignores_what_it_does_not_know(
    client: TestClient, dev: dict[str, str]
) -> None:
    batch = [report(dedup_key=str(n), labels={"alertname": "Disk"}, more={"x": 1}) for n in range(1000)]
    answer = client.post(HOOK, json=batch, headers=dev).json()
    assert answer["taken"] == 1000
    assert {each["group"] for each in answer["alerts"]} == {"ALG-1"}
    listed = client.get(ALERTS, params={"limit": 1}, headers=dev).json()
    assert (listed["items"][0]["rule"], listed["items"][0]["source"]) == ("Disk", "webhook")


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b"", "bad-json", ""),
        (b"{", "bad-json", ""),
        (b"\xff\xfe", "bad-json", ""),
        (b"[]", "too-many", "1 to 1000"),
        (b"{}", "no-summary", ""),
        (b'"text"', "bad-report", ""),
        (b'{"summary": 5}', "bad-report", "$.summary"),
        (b'{"summary": "x", "status": "on"}', "bad-report", "$.status"),
        (b'{"summary": "x", "labels": {"a": 1}}', "bad-report", "$.labels"),
        (b'{"summary": "x", "severity": "urgent"}', "bad-priority", "urgent"),
        (b'{"summary": "x", "service": "No Such"}', "bad-name", "No Such"),
        (b'[{"summary": "x"}, {"summary": "y", "service": "No Such"}]', "bad-name", "report 1"),
        (b"[" + b'{"summary":"x"},' * 1000 + b'{"summary":"x"}]', "too-many", "1001"),
        (b'{"summary": "' + b"x" * 3_000_000 + b'"}', "too-large", ""),
    ],
)
def test_a_report_that_cannot_be_kept_is_refused_as_a_whole(
    world: World, client: TestClient, dev: dict[str, str], body: bytes, code: str, words: str
) -> None:
    answer = client.post(HOOK, content=body, headers=dev)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert words in answer.json()["detail"]
    assert world.open() == []


def test_silences_are_made_changed_and_ended_by_those_who_configure(
    world: World, client: TestClient, dev: dict[str, str], ops: dict[str, str]
) -> None:
    body = {"matchers": ["service=shop"], "reason": "new disks", "duration": "2h"}
    assert client.post(f"{ALERTS}/silences", json=body, headers=dev).status_code == 403
    made = client.post(f"{ALERTS}/silences", json=body, headers=ops)
    assert (made.status_code, made.json()["id"], made.json()["owner"]) == (201, "SIL-1", "ops")
    client.post(HOOK, json=report(), headers=dev)
    assert world.only().suppressed_by == "SIL-1"
    longer = client.patch(f"{ALERTS}/silences/SIL-1", json={"duration": "3h"}, headers=ops).json()
    assert longer["until"] > made.json()["until"]
    assert len(client.get(f"{ALERTS}/silences", headers=dev).json()["items"]) == 1
    assert client.delete(f"{ALERTS}/silences/SIL-1", headers=ops).status_code == 200
    assert client.get(f"{ALERTS}/silences", headers=dev).json() == {"items": []}
    assert len(client.get(f"{ALERTS}/silences", params={"active": False}, headers=dev).json()["items"]) == 1
    world.settle()
    assert world.only().state == "firing"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"duration": None}, "no-end"),
        ({"until": "2026-03-02T10:00:00Z"}, "two-ends"),
        ({"duration": "25h"}, "too-long"),
        ({"duration": "soon"}, "bad-duration"),
        ({"matchers": ["service"]}, "bad-matcher"),
        ({"matchers": ["service!=shop"]}, "matches-everything"),
        ({"reason": " "}, "no-reason"),
        ({"matcher": "x"}, "invalid-input"),
    ],
)
def test_a_silence_that_cannot_be_is_refused(
    client: TestClient, ops: dict[str, str], change: dict[str, Any], code: str
) -> None:
    body = {"matchers": ["service=shop"], "reason": "new disks", "duration": "2h", **change}
    answer = client.post(f"{ALERTS}/silences", json=body, headers=ops)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_maintenance_is_started_and_ended_by_those_who_configure(
    client: TestClient, dev: dict[str, str], ops: dict[str, str]
) -> None:
    body = {"service": "shop", "environment": "production", "reason": "move", "duration": "1h"}
    assert client.post(f"{ALERTS}/maintenance", json=body, headers=dev).status_code == 403
    assert client.post(f"{ALERTS}/maintenance", json=body, headers=ops).json()["id"] == "MNT-1"
    assert client.get(f"{ALERTS}/maintenance", headers=dev).json()["items"][0]["reason"] == "move"
    assert client.delete(f"{ALERTS}/maintenance/mnt-1", headers=ops).status_code == 200
    assert client.get(f"{ALERTS}/maintenance", headers=dev).json() == {"items": []}
    for path in ("silences/SIL-9", "maintenance/MNT-9"):
        assert client.delete(f"{ALERTS}/{path}", headers=ops).status_code == 404


MANY = "/api/v1/alerts/bulk"


def test_what_matches_is_counted_then_taken_and_handed_back(
    world: World, client: TestClient, dev: dict[str, str]
) -> None:
    for n in range(3):
        world.raised(f"k{n}", priority="P3")
    world.raised("grave", priority="P0")
    asked = {"action": "acknowledge", "filter": {"severity": "low"}}
    counted = client.post(MANY, json={**asked, "dry_run": True}, headers=dev).json()
    assert (counted["id"], counted["state"], counted["matching"], counted["done"]) == (None, "counted", 3, 0)
    world.raised("later", priority="P3")
    made = client.post(MANY, json={**asked, "upto": counted["upto"]}, headers=dev).json()
    assert (made["state"], made["matching"], made["done"], made["can_be_undone"]) == ("done", 3, 3, True)
    assert len(world.bodies("alerts.acknowledged")) == 1, "one event per group"
    assert client.get(f"{MANY}/{made['id']}", headers=dev).json() == made
    back = client.post(f"{MANY}/{made['id']}/undo", headers=dev).json()
    assert (back["action"], back["done"]) == ("hand-back", 3)
    again = client.post(f"{MANY}/{made['id']}/undo", headers=dev)
    assert (again.status_code, again.json()["code"]) == (409, "cannot-undo")
    assert {each["state"] for each in client.get(ALERTS, headers=dev).json()["items"]} == {"firing"}


def test_named_alerts_and_groups_are_resolved(client: TestClient, dev: dict[str, str]) -> None:
    client.post(HOOK, json=[report(dedup_key=key) for key in "abc"], headers=dev)
    done = client.post(MANY, json={"action": "resolve", "ids": ["alg-1"], "reason": "over"}, headers=dev).json()
    assert (done["done"], done["can_be_undone"]) == (3, False)
    assert client.get(ALERTS, headers=dev).json()["items"] == []


NO_CHOICE: list[tuple[dict[str, Any], str]] = [
    ({}, "ids-or-filter"),
    ({"ids": ["x"], "filter": {}}, "ids-or-filter"),
    ({"filter": {"state": "resolved"}}, "not-open"),
    ({"filter": {"state": "resolved"}, "dry_run": True}, "not-open"),
    ({"filter": {"label": "no value"}}, "bad-label"),
    ({"ids": ["ALG-99"]}, "no-alert-group"),
    ({"ids": ["x"] * 1001}, "invalid-input"),
    ({"filter": {"colour": "red"}}, "invalid-input"),
]


def test_what_is_no_choice_of_alerts_is_refused(client: TestClient, dev: dict[str, str]) -> None:
    codes = [
        client.post(MANY, json={"action": "resolve", **body}, headers=dev).json()["code"] for body, _ in NO_CHOICE
    ]
    assert codes == [code for _, code in NO_CHOICE]


def test_muting_what_matches_needs_more_than_a_developer(
    world: World, client: TestClient, dev: dict[str, str], ops: dict[str, str]
) -> None:
    world.raised("a", rule="disk")
    world.raised("b", rule="disk")
    body = {"filter": {"rule": "disk"}, "duration": "1h", "reason": "new disks"}
    assert client.post(f"{MANY}/silence", json=body, headers=dev).status_code == 403
    looked = client.post(f"{MANY}/silence", json={**body, "dry_run": True}, headers=ops).json()
    assert (looked["matching"], looked["silences"]) == (2, [])
    made = client.post(f"{MANY}/silence", json=body, headers=ops).json()
    assert [each["matchers"] for each in made["silences"]] == [each["matchers"] for each in looked["kinds"]]
    bare = client.post(f"{MANY}/silence", json={**body, "reason": " "}, headers=ops)
    assert bare.status_code == 422
