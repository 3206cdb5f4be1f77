"""Incidents over HTTP, with the real organisation behind them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from staycalm.adapters.typst import TypstPrinter, TypstSettings
from staycalm.core.actor import Actor
from staycalm.domains.incidents.api import router
from staycalm.domains.incidents.edge import IncidentsEdge
from staycalm.domains.incidents.settings import IncidentsSettings
from staycalm.kit.http import Permission, install_problem_details, permission_of
from tests.adapters.pdf_text import text_of
from tests.domains.incidents.world import IncidentWorld
from tests.domains.oncall.world import BOB

API = "/api/v1/incidents"
SHOP = {"service": "shop", "environment": "production"}


async def everybody_is_bob(request: Request, permission: Permission) -> Actor:
    return BOB


@pytest.fixture
def client(world: IncidentWorld) -> TestClient:
    app = FastAPI()
    app.state.database = world.database
    app.state.guard = everybody_is_bob
    app.state.incidents = IncidentsEdge(IncidentsSettings(), TypstPrinter(TypstSettings(use_system_fonts=False)))
    install_problem_details(app)
    app.include_router(router)
    return TestClient(app)


def declare(client: TestClient, **changed: Any) -> dict[str, Any]:
    answer = client.post(API, json={"title": "Service Down", "priority": "P0", **SHOP, **changed})
    assert answer.status_code in (200, 201), answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_declaring_answers_with_who_is_paged(client: TestClient) -> None:
    body = declare(client)
    assert (body["incident"]["id"], body["is_new"], body["paged"]) == ("INC-1", True, ["alice"])
    assert body["nobody_paged"] is False
    assert body["incident"]["declared_by"] == "bob"


def test_nobody_paged_is_a_field_that_scripts_can_test(client: TestClient, world: IncidentWorld) -> None:
    world.apply("organisation: {name: Acme, time_zone: Europe/Berlin}\npeople: {}\n")
    assert declare(client, service=None, environment=None)["nobody_paged"] is True


@pytest.mark.parametrize(
    ("typed", "stored"), [("critical", "P0"), ("SEV2", "P1"), ("warning", "P2"), ("info", "P3"), ("p1", "P1")]
)
def test_priorities_are_read_in_every_scale(client: TestClient, typed: str, stored: str) -> None:
    assert declare(client, priority=typed)["incident"]["priority"] == stored


@pytest.mark.parametrize(
    "body",
    [{"title": "x", "priority": "P7"}, {"title": "", "priority": "P0"}, {"priority": "P0"}, {"title": "x"},
     {"title": "x", "priority": 0}, {"title": "x" * 1001, "priority": "P0"},
     {"title": "x", "priority": "P0", "severity": "P0"}],
)  # fmt: skip
def test_a_bad_body_is_refused_in_words(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.post(API, json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_the_same_request_sent_twice_is_one_incident(client: TestClient) -> None:
    body = {"title": "Service Down", "priority": "P2"}
    answers = [client.post(API, json=body, headers={"Idempotency-Key": "abc-1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert {answer.json()["incident"]["id"] for answer in answers} == {"INC-1"}


def test_the_whole_response_over_http(client: TestClient, world: IncidentWorld) -> None:
    declare(client)
    world.settle()
    assert client.post(f"{API}/INC-1/acknowledge").json()["state"] == "investigating"
    role = {"role": "commander", "person": "bob"}
    assert client.post(f"{API}/INC-1/roles", json=role).status_code == 200
    assert client.post(f"{API}/INC-1/notes", json={"text": "looking"}).status_code == 204
    changed = client.post(f"{API}/INC-1/priority", json={"priority": "high", "reason": "partly up"}).json()
    assert (changed["incident"]["priority"], changed["paged"]) == ("P1", [])
    assert client.post(f"{API}/INC-1/mitigate", json={"text": "restarted"}).json()["state"] == "mitigated"
    assert client.post(f"{API}/INC-1/investigate", json={}).json()["state"] == "investigating"
    assert client.post(f"{API}/INC-1/resolve", json={"text": "done"}).json()["is_open"] is False
    assert client.post(f"{API}/INC-1/reopen", json={"text": "again"}).json()["paged"] == ["alice"]
    assert client.post(f"{API}/INC-1/resolve", json={}).json()["state"] == "resolved"
    assert client.post(f"{API}/INC-1/close").json()["state"] == "closed"


def test_a_list_tells_who_has_what_and_why_it_came_back(client: TestClient, world: IncidentWorld) -> None:
    world.raise_alert("P0")
    client.post(f"{API}/1/acknowledge")
    (listed,) = client.get(API, params={"open": "true"}).json()["items"]
    assert (listed["held_by"], listed["reopened_at"], listed["reopened_because"]) == ("bob", None, None)
    client.post(f"{API}/1/resolve", json={})
    client.post(f"{API}/1/reopen", json={"text": "503 again"})
    for told in (client.get(API).json()["items"][0], client.get(f"{API}/1").json()):
        assert (told["held_by"], told["reopened_because"]) == (None, "503 again")
        assert told["reopened_at"] is not None


def test_one_incident_with_everything_that_belongs_to_it(client: TestClient, world: IncidentWorld) -> None:
    world.roll_back(stable_is_healthy=False)
    world.raise_alert("P0")
    client.post(f"{API}/1/roles", json={"role": "scribe", "person": "carol"})
    client.post(f"{API}/1/acknowledge")
    client.post(f"{API}/1/resolve", json={})
    found = client.get(f"{API}/inc-1").json()
    causes = {(cause["kind"], cause["subject"]) for cause in found["causes"]}
    assert causes == {("alert", "ALG-1"), ("rollback", "DEP-3")}
    assert [role["person"] for role in found["roles"]] == ["carol"]
    assert {page["person"] for page in found["pages"]} == {"alice"}
    assert found["acknowledged_by"] == "bob"
    assert found["figures"]["failed_requests"] == 42
    assert found["post_mortem"]["kind"] == "full"


def test_the_list_is_filtered_and_paged(client: TestClient) -> None:
    for number in range(3):
        declare(client, title=f"t{number}", priority="P2", service=None, environment=None)
    client.post(f"{API}/INC-2/resolve", json={})
    first = client.get(API, params={"limit": 1, "open": "true", "priority": "medium"}).json()
    assert [each["id"] for each in first["items"]] == ["INC-3"]
    rest = client.get(API, params={"limit": 1, "open": "true", "cursor": first["next_cursor"]}).json()
    assert [each["id"] for each in rest["items"]] == ["INC-1"]


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": 501}, {"cursor": "x"}, {"priority": "P9"}])
def test_bad_questions_are_refused(client: TestClient, params: dict[str, Any]) -> None:
    assert client.get(API, params=params).status_code == 422


def test_an_unknown_incident_is_a_404_with_what_to_do(client: TestClient) -> None:
    answer = client.get(f"{API}/INC-123")
    assert answer.status_code == 404 and answer.json()["next_step"]


def test_what_does_not_fit_the_state_is_a_409(client: TestClient) -> None:
    declare(client)
    client.post(f"{API}/INC-1/resolve", json={})
    answer = client.post(f"{API}/INC-1/mitigate", json={})
    assert answer.status_code == 409 and answer.json()["code"] == "wrong-state"


def test_the_timeline_is_read_page_by_page(client: TestClient, world: IncidentWorld) -> None:
    declare(client)
    world.settle()
    first = client.get(f"{API}/INC-1/timeline", params={"limit": 2}).json()
    assert [each["text"] for each in first["items"]] == [
        "Incident declared as P0: Service Down",
        "Escalation started (policy shop)",
    ]
    rest = client.get(f"{API}/INC-1/timeline", params={"cursor": first["next_cursor"]}).json()
    assert rest["items"][0]["text"] == "On-call paged: alice (step 1)"


# -- the report ---------------------------------------------------------------------------------


def report(client: TestClient, **params: str) -> Any:
    answer = client.get(f"{API}/INC-1/report", params=params)
    assert answer.status_code == 200, answer.text
    return answer


def test_the_report_is_markdown_in_the_sops_format(client: TestClient, world: IncidentWorld) -> None:
    world.roll_back(stable_is_healthy=False)
    answer = report(client)
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    headings = [line for line in answer.text.splitlines() if line.startswith(("# ", "## "))]
    assert headings == [
        "# Incident Post-Mortem: shop rolled back: error rate rose by 5.1 points", "## Summary", "## Timeline",
        "## Root Cause", "## Impact", "## What Went Well", "## What Went Wrong", "## Action Items",
        "## Lessons Learned",
    ]  # fmt: skip
    assert "- Requests failed: 42" in answer.text
    assert re.search(r"^- \d\d:\d\d - On-call notified: alice$", answer.text, re.MULTILINE)


def test_the_report_as_data_html_and_pdf_says_the_same(client: TestClient) -> None:
    declare(client, title="Down <b>& out</b>")
    data = report(client, format="json").json()
    assert data["title"] == "Incident Post-Mortem: Down <b>& out</b>"
    assert [section["heading"] for section in data["sections"]][:2] == ["Summary", "Timeline"]
    page = report(client, format="html")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Down &lt;b&gt;&amp; out&lt;/b&gt;" in page.text
    printed = report(client, format="pdf")
    assert printed.headers["content-type"] == "application/pdf"
    assert 'filename="INC-1-post-mortem.pdf"' in printed.headers["content-disposition"]
    text = text_of(printed.content)
    assert "Down <b>& out</b>" in text and "Lessons Learned" in text


def test_the_short_analysis_is_asked_for_by_name(client: TestClient) -> None:
    declare(client)
    text = report(client, document="root-cause").text
    assert text.startswith("# Root-Cause Analysis: Service Down\n") and "\n## Cause\n" in text


def test_customers_get_a_summary_of_their_own(client: TestClient, world: IncidentWorld) -> None:
    world.roll_back()
    markdown = report(client, audience="customer")
    assert markdown.text.startswith("# Post-Incident Summary: ") and "DEP-" not in markdown.text
    printed = report(client, audience="customer", format="pdf")
    assert 'filename="INC-1-summary.pdf"' in printed.headers["content-disposition"]


def test_the_page_may_use_its_own_style_and_nothing_else(client: TestClient) -> None:
    declare(client)
    policy = report(client, format="html").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy


def test_an_unknown_form_is_refused(client: TestClient) -> None:
    declare(client)
    assert client.get(f"{API}/INC-1/report", params={"format": "docx"}).status_code == 422


def test_every_route_names_what_it_needs() -> None:
    needs = {}
    for route in router.routes:
        assert isinstance(route, APIRoute)
        needs[(sorted(route.methods or ())[0], route.path)] = str(permission_of(route))
    assert needs.pop(("POST", f"{API}/{{name}}/acknowledge")) == "alerts:write"
    assert {need for (method, _), need in needs.items() if method == "GET"} == {"incidents:read"}
    assert {need for (method, _), need in needs.items() if method == "POST"} == {"incidents:write"}
