"""Post-mortems and action items over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from staycalm.adapters.typst import TypstPrinter, TypstSettings
from staycalm.domains.incidents.api import router
from staycalm.domains.incidents.edge import IncidentsEdge
from staycalm.domains.incidents.postmortem.api import router as post_mortem_router
from staycalm.domains.incidents.settings import IncidentsSettings
from staycalm.kit.http import install_problem_details
from tests.domains.incidents.test_api import everybody_is_bob
from tests.domains.incidents.world import IncidentWorld

API = "/api/v1/incidents"
NEW = {"what": "Give retries a budget", "owner": "alice", "due_on": "2026-04-01"}


@pytest.fixture
def client(world: IncidentWorld) -> TestClient:
    app = FastAPI()
    app.state.database = world.database
    app.state.guard = everybody_is_bob
    app.state.incidents = IncidentsEdge(IncidentsSettings(), TypstPrinter(TypstSettings(use_system_fonts=False)))
    install_problem_details(app)
    app.include_router(post_mortem_router)
    app.include_router(router)
    made = TestClient(app)
    assert made.post(API, json={"title": "Service Down", "priority": "P0"}).status_code == 201
    return made


def texts(paper: dict[str, Any]) -> dict[str, str]:
    return {each["section"]: each["text"] for each in paper["sections"] if each["text"]}


def test_a_post_mortem_is_written_reviewed_published_and_amended(client: TestClient) -> None:
    at = f"{API}/INC-1/post-mortem"
    empty = client.get(at).json()
    assert (empty["state"], texts(empty), len(empty["sections"])) == ("draft", {}, 10)
    sent = {"texts": {"root-cause": "No budget.", "users-affected": "12"}, "based_on": {}}
    assert texts(client.patch(at, json=sent).json()) == sent["texts"]
    assert client.post(f"{API}/INC-1/resolve", json={"text": "over"}).status_code == 200
    assert client.post(f"{at}/submit").json()["state"] == "in-review"
    published = client.post(f"{at}/publish").json()
    assert (published["state"], published["published_by"]) == ("published", "bob")
    assert client.patch(at, json={"texts": {"lessons": "x"}}).json()["code"] == "published"
    amended = client.post(f"{API}/INC-1/amendments", json={"text": "In May, too."})
    assert amended.status_code == 201 and amended.json()["amendments"][0]["text"] == "In May, too."
    report = client.get(f"{API}/INC-1/report").text
    assert "No budget." in report and "Users affected: 12" in report and "In May, too." in report
    assert report == client.get(f"{API}/INC-1/report").text
    assert "No budget." not in client.get(f"{API}/INC-1/report?audience=customer").text


def test_a_collision_answers_with_both_texts(client: TestClient) -> None:
    at = f"{API}/INC-1/post-mortem"
    client.patch(at, json={"texts": {"lessons": "theirs"}})
    refused = client.patch(at, json={"texts": {"lessons": "mine"}, "based_on": {"lessons": 0}})
    assert refused.status_code == 409
    (collision,) = refused.json()["collisions"]
    assert collision == {"section": "lessons", "stored": "theirs", "version": 1, "by": "bob", "sent": "mine"}
    again = client.patch(at, json={"texts": {"lessons": "both"}, "based_on": {"lessons": 1}})
    assert texts(again.json()) == {"lessons": "both"}
    versions = client.get(f"{at}/lessons/versions").json()["items"]
    assert [each["text"] for each in versions] == ["both", "theirs"]


def test_action_items_are_added_changed_listed_and_settled(client: TestClient) -> None:
    made = client.post(f"{API}/INC-1/actions", json=NEW)
    assert made.status_code == 201 and made.json()["id"] == "ACT-1"
    changed = client.patch(f"{API}/actions/act-1", json={"due_on": "2026-05-01", "version": 1}).json()
    assert (changed["due_on"], changed["what"], changed["version"]) == ("2026-05-01", NEW["what"], 2)
    assert client.patch(f"{API}/actions/ACT-1", json={"owner": "bob", "version": 1}).status_code == 409
    assert [each["id"] for each in client.get(f"{API}/actions?owner=alice").json()["items"]] == ["ACT-1"]
    assert client.get(f"{API}/INC-1/actions").json()["items"][0]["is_overdue"] is False
    assert client.post(f"{API}/actions/ACT-1/done").json()["state"] == "done"
    assert client.get(f"{API}/actions").json()["items"] == []
    assert client.post(f"{API}/actions/ACT-1/drop", json={"reason": "x"}).status_code == 409
    assert client.post(f"{API}/actions/ACT-1/reopen").json()["state"] == "open"
    assert client.post(f"{API}/actions/ACT-1/drop", json={"reason": "gone"}).json()["reason"] == "gone"


REFUSED: list[tuple[str, str, Any, int]] = [
    ("PATCH", "/INC-1/post-mortem", {"texts": {}}, 422),
    ("PATCH", "/INC-1/post-mortem", {"texts": {"no-such": "x"}}, 422),
    ("PATCH", "/INC-1/post-mortem", {"texts": {"lessons": "x" * 20_001}}, 422),
    ("PATCH", "/INC-1/post-mortem", {"texts": {"lessons": "x"}, "based_on": {"lessons": 7}}, 409),
    ("POST", "/INC-1/post-mortem/explode", None, 422),
    ("POST", "/INC-1/post-mortem/publish", None, 409),
    ("POST", "/INC-1/amendments", {"text": "x"}, 409),
    ("GET", "/INC-9/post-mortem", None, 404),
    ("GET", "/actions/ACT-9", None, 404),
    ("GET", "/actions?cursor=x&state=all", None, 422),
    ("POST", "/INC-1/actions", {**NEW, "owner": "nobody"}, 404),
    ("POST", "/INC-1/actions", {**NEW, "due_on": "soon"}, 422),
    ("POST", "/INC-9/actions", NEW, 404),
]


def test_what_makes_no_sense_is_refused_in_words(client: TestClient) -> None:
    for method, path, body, status in REFUSED:
        answer = client.request(method, API + path, json=body)
        assert answer.status_code == status, (path, answer.text)
        assert answer.json()["detail"]
