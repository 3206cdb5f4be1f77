"""A script in any free text of the API runs on no page: all operations, fields and pages of the application."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Page

from staycalm.app.openapi import operations
from tests.api.document import DOCUMENT
from tests.browser.conftest import browser, context, sign_in, told  # noqa: F401 - fixtures
from tests.browser.gallery import _prepare
from tests.browser.gallery import pages as every_page
from tests.browser.server import Server, serving
from tests.browser.story import PASSWORD

pytestmark = pytest.mark.browser

MARK = "xq7"
PAYLOAD = f"<img src={MARK} onerror=alert(1)>'\"><script>alert(1)</script>{{{{7777*7777777}}}}"
WATCH = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (e) =>
  window.__violations.push(e.violatedDirective + " " + e.blockedURI));
"""
NUMBER = str(7777 * 7777777)
NEVER_SENT = {
    "POST /api/v1/login", "PUT /api/v1/releases/artifacts", "POST /api/v1/health-report",
    "POST /api/v1/deployments/verify", "POST /api/v1/backups", "POST /api/v1/catalog/apply",
}  # fmt: skip
"""They wait, or make files; a catalog file, which takes away what it does not name, is sent last."""
# Texts with a form of their own: what is not of it is refused, which the made-up requests try.
FORMED = {
    "service": "shop", "environment": "production", "handle": "mallory", "person": "bob", "role": "primary",
    "time_zone": "UTC", "email": "mallory@example.com", "digest": "sha256:" + "a" * 64, "commit_sha": "a" * 40,
    "release": "REL-1", "kind": "email", "address": "mallory@example.com", "priority": "P2", "level": "read",
    "starts_at": "2099-01-01T00:00:00Z", "ends_at": "2099-01-01T05:00:00Z", "until": None, "duration": "2h",
    "built_at": None, "build_timestamp": "2026-01-01T00:00:00Z", "strategy": None, "escalation_policy": "default",
    "team": "platform", "status": "firing", "roles": ["support"],
}  # fmt: skip
# An id that the operation takes, where it is not the first of these.
IDS = {"name": "INC-1", "handle": "mallory", "service": "shop", "environment": "production", "subject": "INC-1"}
SOON, LATER = (datetime.now(UTC) + timedelta(days=days) for days in (1, 8))
FILE = """
services: {files: {title: TEXT, team: written}}
teams: {written: {title: TEXT, members: [mallory]}}
""".replace("TEXT", json.dumps(PAYLOAD))
# What the operation needs beyond its fields: ids in the path, and values that no schema tells.
NEEDS: dict[str, dict[str, Any]] = {
    "PATCH /api/v1/alerts/silences/{id}": {"id": "SIL-1", "until": None},
    "PATCH /api/v1/incidents/actions/{name}": {
        "name": "{action}", "due_on": "2099-01-01", "owner": "bob", "version": None, "kind": None,
    },
    "PATCH /api/v1/incidents/{name}/post-mortem": {
        "texts": dict.fromkeys(("summary", "not-caught", "went-well", "went-wrong"), PAYLOAD), "based_on": {},
    },
    "POST /api/v1/alerts/bulk": {"ids": ["ALG-1"], "filter": None, "upto": None, "action": "resolve"},
    "POST /api/v1/alerts/bulk/silence": {"ids": ["ALG-2"], "filter": None, "upto": None, "until": None},
    "POST /api/v1/alerts/{id}/resolve": {"id": "ALG-3"},
    "POST /api/v1/catalog/plan": {"text": FILE},
    "PUT /api/v1/catalog/services/{name}": {
        "name": "written", "runbook_url": f"https://x.example/{PAYLOAD}", "owners": ["bob"], "tier": 2,
        "depends_on": ["shop"], "kind": "service",
    },
    "POST /api/v1/deployments": {"environment": "staging", "release": "REL-1", "steps": None},
    "POST /api/v1/deployments/{name}/pause": {"name": "{running}"},
    "POST /api/v1/deployments/{name}/promote": {"name": "{running}"},
    "POST /api/v1/deployments/{name}/rollback": {"name": "{running}"},
    "POST /api/v1/deployments/{name}/abort": {"name": "DEP-7"},
    "POST /api/v1/incidents/actions/{name}/drop": {"name": "{action}"},
    "POST /api/v1/incidents/{name}/actions": {"owner": "bob", "due_on": "2099-01-01", "kind": "preventive"},
    "POST /api/v1/incidents": {"service": None, "environment": None},
    "POST /api/v1/incidents/{name}/notes": {"text": PAYLOAD + " x" * 800},  # a long one is folded
    "POST /api/v1/oncall/feeds": {"schedule": None},
    "POST /api/v1/tokens": {"roles": None},
    "POST /api/v1/oncall/schedules/{name}/overrides": {"name": "platform"},
    "POST /api/v1/oncall/schedules/{name}/overrides/preview": {"name": "platform"},
    "POST /api/v1/oncall/schedules/{name}/swaps": {
        "name": "platform", "first": SOON.isoformat(), "second": LATER.isoformat(),
    },
    "POST /api/v1/oncall/schedules/{name}/swaps/preview": {
        "name": "platform", "first": SOON.isoformat(), "second": LATER.isoformat(),
    },
}  # fmt: skip
# These go last, in this order: they need what the others made, or end what the others need.
LAST = (
    "POST /api/v1/deployments/{name}/pause", "POST /api/v1/deployments/{name}/promote",
    "POST /api/v1/deployments/{name}/rollback", "POST /api/v1/incidents/{name}/resolve",
    "POST /api/v1/incidents/{name}/post-mortem/{verb}", "POST /api/v1/incidents/{name}/amendments",
    "POST /api/v1/incidents/{name}/reopen", "POST /api/v1/incidents/actions/{name}/drop",
)  # fmt: skip
MAY_REFUSE: dict[str, str] = {}
"""Operations that no text comes through, and why."""


@dataclass(frozen=True)
class Poisoned:
    """The told story after every operation was sent every free text, and how each was answered."""

    server: Server
    client: httpx.Client
    known: dict[str, str]
    answers: dict[str, httpx.Response]


@pytest.fixture(scope="module")
def poisoned(told: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Poisoned]:  # noqa: F811
    folder = tmp_path_factory.mktemp("poisoned") / "data"
    shutil.copytree(told, folder)
    with serving(folder) as server:
        headers = {"Origin": server.url, "User-Agent": PAYLOAD}
        with httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as client:
            assert client.post("/login", data={"handle": "root", "password": PASSWORD}).status_code == 303
            known = _prepare(server)
            answers = _send_all(client, known)
            # One post-mortem is published by now; this one is a draft.
            draft = f"/api/v1/incidents/{answers['POST /api/v1/incidents'].json()['incident']['id']}/post-mortem"
            assert client.patch(draft, json=NEEDS["PATCH /api/v1/incidents/{name}/post-mortem"]).is_success
            yield Poisoned(server, client, known, answers)


def _send_all(client: httpx.Client, known: dict[str, str]) -> dict[str, httpx.Response]:
    wanted = {
        f"{method.upper()} {path}": operation
        for path, method, operation in operations(DOCUMENT)
        if method in ("post", "put", "patch") and path.startswith("/api/")
    }
    order = [*(name for name in wanted if name not in LAST), *LAST]
    token = client.post("/api/v1/tokens/service", json={"name": "pipeline"}).json()["token"]
    return {name: _send(client, name, wanted[name], known, token) for name in order if name not in NEVER_SENT}


def _send(client: httpx.Client, name: str, operation: Any, known: dict[str, str], token: str) -> httpx.Response:
    method, path = name.split()
    needs = {k: v.format(**known) if v in ("{action}", "{running}") else v for k, v in NEEDS.get(name, {}).items()}
    body = filled(schema_of(operation)) if schema_of(operation) else None
    if path.endswith("/webhook"):
        body = {"summary": PAYLOAD, "labels": {"x": PAYLOAD}, "details": {"x": PAYLOAD}, "rule": PAYLOAD}
    if isinstance(body, dict):
        body = {
            key: value for key, value in {**body, **needs}.items() if value is not None and key in body | needs
        }
        body = {
            key: value
            for key, value in body.items()
            if f"{{{key}}}" not in path or key in filled(schema_of(operation))
        }
    # A machine deploys: a person's account alone may not.
    headers = {"Authorization": f"Bearer {token}"} if path == "/api/v1/deployments" else {}
    for verb in ("submit", "publish") if "{verb}" in path else ("",):
        ids = {**IDS, **needs, "verb": verb}
        address = re.sub(r"\{(\w+)\}", lambda found, ids=ids: ids.get(found[1], "nothing"), path)  # type: ignore[misc]
        answer = client.request(method, address, json=body, headers=headers)
        assert answer.status_code < 500, f"{method} {address}: {answer.text[:300]}"
    return answer


def schema_of(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    found: dict[str, Any] = content.get("schema", {})
    return found


def filled(schema: dict[str, Any], name: str = "") -> Any:
    """Return a value of the schema with the payload in every free text."""
    if "$ref" in schema:
        return filled(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]], name)
    if name in FORMED:
        return FORMED[name]
    if "const" in schema or "enum" in schema:
        return schema.get("const") or schema["enum"][0]
    for kind in ("anyOf", "oneOf", "allOf"):
        if kind in schema:
            return filled(schema[kind][0], name)
    match schema.get("type"):
        case "object":
            if "properties" not in schema:
                return {"x": PAYLOAD}
            found = {key: filled(each, key) for key, each in schema["properties"].items()}
            return {key: value for key, value in found.items() if value is not None}
        case "array":
            return [f"summary={PAYLOAD}"] if name == "matchers" else [filled(schema["items"], name.rstrip("s"))]
        case "string":
            return PAYLOAD[: schema.get("maxLength", 4000)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
    return PAYLOAD


def test_every_free_text_got_in(poisoned: Poisoned) -> None:
    refused = {
        name: answer.text[:200]
        for name, answer in poisoned.answers.items()
        if not answer.is_success and MARK in answer.request.content.decode() and name not in MAY_REFUSE
    }
    assert refused == {}


# Pages on which the payload must be seen as text: they show what somebody wrote.
SHOWN = (
    "/incidents/{incident}", "/incidents/INC-1", "/incidents/INC-1/post-mortem", "/alerts/{group}",
    "/incidents/{incident}/post-mortem", "/incidents/actions/{action}", "/deployments/{deployment}",
    "/deployments/{running}", "/services/written", "/people/mallory", "/releases/{release}",
    "/alerts/silences/{silence}", "/alerts/maintenances/{maintenance}", "/", "/incidents", "/incidents/actions",
    "/alerts", "/services", "/people", "/oncall", "/settings/tokens", "/api/v1/incidents/INC-1/report?format=html",
)  # fmt: skip
IN_A_BROWSER = SHOWN[:12]


def addresses(poisoned: Poisoned, wanted: Iterator[str] | tuple[str, ...] | list[str]) -> list[str]:
    def made(name: str, key: str) -> str:
        return str(poisoned.answers[f"POST /api/v1/{name}"].json()[key])

    known = {
        **poisoned.known, "incident": poisoned.answers["POST /api/v1/incidents"].json()["incident"]["id"],
        "group": made("alerts", "group"), "silence": made("alerts/silences", "id"),
        "maintenance": made("alerts/maintenance", "id"), "release": made("releases", "id"),
        "deployment": made("deployments", "id"),
    }  # fmt: skip
    return [each.format(**known) for each in wanted]


def elements(text: str) -> list[str]:
    """Return what only the payload can have brought into the page."""
    reader = Reader()
    reader.feed(text)
    return [*reader.found, *["a template of the payload was filled in"] * (NUMBER in text)]


class Reader(HTMLParser):
    """Notes each element and attribute that only the payload can have brought."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            brought = name.startswith("on") or MARK in name or (name == "src" and (value or "").startswith(MARK))
            if brought or (
                name in ("href", "src", "action") and re.match(r"\s*(javascript|data:text)", value or "", re.I)
            ):
                self.found.append(f"<{tag} {name}={value}>"[:120])

    def handle_data(self, data: str) -> None:
        if data.startswith("alert(1)"):
            self.found.append(f"a script of the payload in {self.lasttag}")


def test_no_page_has_an_element_of_a_text(poisoned: Poisoned) -> None:
    listed, unknown = every_page()
    shown = addresses(poisoned, SHOWN)
    wrong: dict[str, list[str]] = {}
    for address in dict.fromkeys([*shown, *addresses(poisoned, listed)]):
        answer = poisoned.client.get(address, headers={"Accept": "text/html"})
        found = elements(answer.text)
        if address in shown and MARK not in answer.text:
            found.append("the payload is not to be seen")
        if answer.status_code >= 500 or found:
            wrong[address] = [str(answer.status_code), *found[:5]]
    assert (wrong, unknown) == ({}, [])


def test_no_script_runs_on_the_most_telling_pages(poisoned: Poisoned, browser: Browser) -> None:  # noqa: F811
    opened = context(browser)
    page = opened.new_page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(page.url), dialog.dismiss()))
    page.add_init_script(WATCH)
    page.route("**/live?*", lambda route: route.abort())
    sign_in(opened, poisoned.server.url)
    wrong = [each for path in addresses(poisoned, IN_A_BROWSER) for each in look(page, poisoned.server.url + path)]
    opened.close()
    assert (wrong, dialogs) == ([], [])


def look(page: Page, url: str) -> list[str]:
    """Return what the page did that only a script of the payload could have asked for."""
    answer = page.goto(url, wait_until="domcontentloaded")
    assert answer is not None and answer.status == 200, url
    found = [f"{url}: {each}" for each in page.evaluate("window.__violations || []")]
    if page.locator(f"img[src={MARK}]").count():
        found.append(f"{url}: an element of the payload")
    return found


@pytest.mark.parametrize(
    "where", ["/login?next=", "/incidents?q=", "/alerts?q=", "/deployments?service=", "/nowhere/"]
)
def test_no_script_runs_from_an_address(poisoned: Poisoned, where: str) -> None:
    answer = poisoned.client.get(where + quote(PAYLOAD), headers={"Accept": "text/html"})
    assert f"<img src={MARK}" not in answer.text and "<script>alert" not in answer.text


def test_no_text_of_a_catalog_file_becomes_an_element(poisoned: Poisoned) -> None:
    assert poisoned.client.post("/api/v1/catalog/apply", json={"text": FILE}).is_success
    for path in ("/services", "/services/files", "/teams"):
        page = poisoned.client.get(path, headers={"Accept": "text/html"}).text
        assert (MARK in page, elements(page)) == (True, []), path
