"""A script in any free text of the API runs on no page. The fields are those of openapi.json: new ones are in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page
from starlette.routing import Route

from staycalm.app.openapi import operations
from staycalm.domains.accounts.sign_in.tokens import ensure_local_token
from tests.api.document import API, DOCUMENT
from tests.browser.conftest import browser, context, sign_in, told  # noqa: F401 - fixtures
from tests.browser.server import Server, serving

pytestmark = pytest.mark.browser

MOST_PAGES = 20
MARK = "xq7"
PAYLOAD = f"<img src={MARK} onerror=alert(1)>'\"><script>alert(1)</script>{{{{7777*7777777}}}}"
WATCH = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (e) =>
  window.__violations.push(e.violatedDirective + " " + e.blockedURI));
"""
LINKS = (
    "all => all.map((a) => new URL(a.getAttribute('href'), location).href)"  # links in SVG have no text as href
)
NEVER_SENT = {
    "POST /api/v1/login", "PUT /api/v1/releases/artifacts", "POST /api/v1/health-report",
    "POST /api/v1/deployments/verify", "POST /api/v1/backups",
}  # fmt: skip
"""They wait or make files; none of them keeps a free text."""
# Texts with a form of their own: what is not of it is refused, which the made-up requests try.
FORMED = {
    "service": "shop", "environment": "production", "handle": "mallory", "person": "bob", "role": "primary",
    "time_zone": "UTC", "email": "mallory@example.com", "digest": "sha256:" + "a" * 64, "commit_sha": "a" * 40,
    "release": "REL-1", "kind": "email", "address": "mallory@example.com", "priority": "P2", "level": "read",
    "starts_at": "2099-01-01T00:00:00Z", "ends_at": "2099-01-01T05:00:00Z", "until": None, "duration": "2h",
    "built_at": None, "build_timestamp": "2026-01-01T00:00:00Z", "strategy": None, "escalation_policy": "default",
    "team": "platform", "status": "firing", "roles": ["support"],
}  # fmt: skip
NAMES = {"name": "INC-1", "id": "INC-1", "handle": "mallory", "service": "shop", "environment": "production"}


@pytest.fixture(scope="module")
def poisoned(told: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, int]]]:  # noqa: F811
    """The told story after every operation was sent every free text, and how each was answered."""
    import shutil

    folder = tmp_path_factory.mktemp("poisoned") / "data"
    shutil.copytree(told, folder)
    with serving(folder) as server:
        token = server.write(ensure_local_token, None, place="test")
        headers = {"Authorization": f"Bearer {token}", "User-Agent": PAYLOAD}
        answers: dict[str, int] = {}
        with httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as client:
            for path, method, operation in operations(DOCUMENT):
                name = f"{method.upper()} {path}"
                if method in ("post", "put", "patch") and name not in NEVER_SENT and path.startswith("/api/"):
                    answers[name] = _send(client, method, path, operation)
        yield server, answers


def _send(client: httpx.Client, method: str, path: str, operation: dict[str, Any]) -> int:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    body = filled(content["schema"]) if "schema" in content else None
    if path.endswith("/webhook"):
        body = {"summary": PAYLOAD, "labels": {"x": PAYLOAD}, "details": {"x": PAYLOAD}, "rule": PAYLOAD}
    best = 0
    for id in ("INC-1", "DEP-1", "ALG-1", "default", "platform", "SIL-1", "nothing"):
        address = re.sub(r"\{(\w+)\}", lambda m, id=id: NAMES.get(m[1], id) if m[1] != "name" else id, path)  # type: ignore[misc]
        answer = client.request(method, address, json=body)
        assert answer.status_code < 500, f"{method} {address}: {answer.text[:300]}"
        best = answer.status_code if best == 0 or answer.is_success else best
        if "{" not in path or answer.is_success:
            break
    return best


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


def pages() -> list[str]:
    """Return every page without a parameter in its path."""
    found = {
        route.path
        for route in API.routes
        if isinstance(route, Route) and "GET" in (route.methods or ()) and not route.path.startswith("/api/")
    }
    skipped = {"/live", "/metrics", "/health"}
    return sorted(path for path in found if "{" not in path and path not in skipped)


def test_the_payload_got_in(poisoned: tuple[Server, dict[str, int]]) -> None:
    _, answers = poisoned
    kept = [name for name, status in answers.items() if status < 300]
    expected = {"POST /api/v1/incidents", "POST /api/v1/incidents/{name}/notes", "POST /api/v1/alerts",
                "POST /api/v1/alerts/webhook", "POST /api/v1/people", "POST /api/v1/alerts/silences"}  # fmt: skip
    assert expected <= set(kept), answers


def test_no_script_runs_on_any_page(poisoned: tuple[Server, dict[str, int]], browser: Browser) -> None:  # noqa: F811
    server, _ = poisoned
    opened = context(browser)
    page = opened.new_page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(page.url), dialog.dismiss()))
    page.add_init_script(WATCH)
    page.route("**/live?*", lambda route: route.abort())
    sign_in(opened, server.url)
    todo, seen, wrong, shown = pages(), set[str](), [], 0
    while todo and len(seen) < MOST_PAGES:
        path = todo.pop(0)
        if path in seen or path == "/logout":
            continue
        seen.add(path)
        wrong += look(page, server.url + path)
        shown += MARK in page.content()
        # One page of each kind is looked at: what differs in a number alone is drawn by the same template.
        kinds = {re.sub(r"\d+|[0-9a-f]{8}-[0-9a-f-]{20,}", "#", each) for each in seen}
        for link in page.eval_on_selector_all("a[href]", LINKS):
            parts = urlsplit(link)
            kind = re.sub(r"\d+|[0-9a-f]{8}-[0-9a-f-]{20,}", "#", parts.path)
            newest = parts.path.startswith(("/incidents/", "/alerts/")) and parts.path not in seen
            if link.startswith(server.url) and (kind not in kinds or newest) and not is_download(parts.path):
                todo.append(parts.path)
                kinds.add(kind)
    opened.close()
    assert (wrong, dialogs) == ([], [])
    assert shown >= 4, f"the payload stands on {shown} of {len(seen)} pages"


def is_download(path: str) -> bool:
    return path.startswith(("/api/", "/static/", "/live")) or path.endswith(
        (".pdf", ".md", ".ics", ".csv", ".json", ".svg")
    )


def look(page: Page, url: str) -> list[str]:
    """Return what the page did that only a script of the payload could have asked for."""
    answer = page.goto(url, wait_until="domcontentloaded")
    assert answer is not None and answer.status < 500, url
    found = [f"{url}: {each}" for each in page.evaluate("window.__violations || []")]
    if page.locator(f"img[src={MARK}]").count():
        found.append(f"{url}: an element of the payload")
    if "60487771729" in page.content():
        found.append(f"{url}: a template of the payload was filled in")
    return found


@pytest.mark.parametrize(
    "where", ["/login?next=", "/incidents?q=", "/alerts?q=", "/deployments?service=", "/nowhere/"]
)
def test_no_script_runs_from_an_address(poisoned: tuple[Server, dict[str, int]], where: str) -> None:
    server, _ = poisoned
    answer = httpx.get(
        server.url + where + quote(PAYLOAD), headers={"Accept": "text/html"}, timeout=60, trust_env=False
    )
    assert f"<img src={MARK}" not in answer.text and "<script>alert" not in answer.text
