"""Refusals are problem details for programs and pages for people."""

from __future__ import annotations

import pytest

from tests.api.application import NOBODY, Asked

BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@pytest.mark.parametrize(
    ("who", "method", "path", "status", "code"),
    [
        (NOBODY, "GET", "/api/v1/deployments", 401, "not-signed-in"),
        ("support", "POST", "/api/v1/backups", 403, "not-allowed"),
        ("admin", "GET", "/api/v1/incidents/INC-404", 404, None),
        ("admin", "GET", "/api/v1/deployments?limit=0", 422, "invalid-input"),
        ("admin", "GET", "/api/v1/nowhere", 404, "http-404"),
        ("admin", "POST", "/api/v1/whoami", 405, "http-405"),
        ("admin", "GET", "/api/v1/deployments/not%20a%20name", 422, "bad-deployment"),
    ],
)
def test_a_refusal_is_a_problem_document(
    asked: Asked, who: str, method: str, path: str, status: int, code: str | None
) -> None:
    answer = asked.ask(who, method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["type"] == f"urn:staycalm:{body['code']}"
    assert body["title"] and body["detail"]
    assert code in (None, body["code"])
    assert "Traceback" not in answer.text


def test_bad_json_says_where_it_is_bad(asked: Asked) -> None:
    answer = asked.ask(
        "admin", "POST", "/api/v1/incidents", content=b'{"title": ', headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-input")


def test_every_wrong_field_is_named(asked: Asked) -> None:
    answer = asked.ask("admin", "POST", "/api/v1/incidents", json={"title": "", "colour": "red"})
    assert {each["where"] for each in answer.json()["errors"]} == {"body.title", "body.priority", "body.colour"}


@pytest.mark.parametrize("path", ["/deployments/DEP-404", "/incidents/INC-404", "/nowhere"])
def test_a_browser_gets_a_page(asked: Asked, path: str) -> None:
    answer = asked.ask("admin", "GET", path, headers=BROWSER)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


def test_a_browser_that_is_not_signed_in_gets_to_the_log_in(asked: Asked) -> None:
    answer = asked.ask(NOBODY, "GET", "/incidents", headers=BROWSER)
    assert answer.status_code in (303, 401)
    assert "/login" in answer.headers.get("location", answer.text)


def test_answers_carry_security_headers(asked: Asked) -> None:
    answer = asked.ask(NOBODY, "GET", "/health")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
