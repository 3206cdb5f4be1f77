"""Requests made up from the OpenAPI document, and what may be answered to them.

The same harness runs briefly in the suite and for long behind the `soak` marker. Ids and names that the server has
answered with are put into later requests, so that what one operation made the next ones use.
"""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from staycalm.app.openapi import permissions
from staycalm.domains.accounts.public import decide
from staycalm.domains.alerts.intake.api import WEBHOOK_PATH, WEBHOOK_PERMISSION
from tests.api.application import ASKERS, NOBODY, Asked
from tests.api.document import API, DOCUMENT
from tests.api.test_every_route import ONES_OWN

NEEDED = {**permissions(API.routes), ("post", WEBHOOK_PATH): WEBHOOK_PERMISSION}
SCHEMA = schemathesis.openapi.from_dict(copy.deepcopy(DOCUMENT))
OPERATIONS = {f"{each.method.upper()} {each.path}": each for each in (r.ok() for r in SCHEMA.get_all_operations())}
ENDLESS = {"follow", "wait", "wait_s"}
"""Query parameters that keep an answer open; tests that can end it ask with them."""
MAY_BE_UNAVAILABLE = {
    "engine-silent": "POST /api/v1/health-report",
    "too-many-tries": "POST /api/v1/login",
    "too-many-reports": "POST /api/v1/alerts/webhook",
}
"""Why a server that is well may answer 503, and where; `GET /health` says it without a code."""
REMEMBERED = 40
NASTY = (
    "\x00", "..", "../../etc/passwd", "%2e%2e%2f", "INC-" + "9" * 30, "DEP-0", "1e999", "9" * 40, "NaN", "-1", "*",
    "'", '"; drop table people; --', "{{7*7}}", "${env:HOME}", "\u202e", "a" * 5000, "²", "\r\nX-Evil: 1", "%",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z", "sc_pat_" + "x" * 40, "sha256:" + "f" * 63,
)  # fmt: skip


@dataclass
class Fuzzer:
    """Asks as every role in turn. `problems` holds what must not have been answered."""

    asked: Asked
    problems: list[str] = field(default_factory=list)
    answers: dict[int, int] = field(default_factory=dict)
    known: list[str] = field(
        default_factory=lambda: ["INC-1", "DEP-1", "ALG-1", "REL-1", "shop", "production", "alice"]
    )
    sent: int = 0

    def ask(self, case: Case, who: str) -> httpx.Response:
        """Return the answer; what is wrong with it is in `problems`."""
        wire = case.as_transport_kwargs(base_url="http://127.0.0.1:7700")
        headers = {k: v for k, v in wire.pop("headers").items() if k.lower() not in ("authorization", "cookie")}
        wire = {k: v for k, v in wire.items() if v is not None and k not in ("method", "url", "cookies")}
        path = case.operation.path
        for key, value in (case.path_parameters or {}).items():
            path = path.replace(f"{{{key}}}", quote(str(value), safe="") or "x")
        if isinstance(wire.get("data"), (bytes, str)):
            wire["content"] = wire.pop("data")
        headers = {k: v.encode("utf-8", "replace") if isinstance(v, str) else v for k, v in headers.items()}
        answer = self.asked.ask(who, case.method, path, headers=headers, **wire)
        self.sent += 1
        self.answers[answer.status_code] = self.answers.get(answer.status_code, 0) + 1
        self._judge(case, who, answer)
        return answer

    def _judge(self, case: Case, who: str, answer: httpx.Response) -> None:
        name = f"{case.method.upper()} {case.operation.path}"
        needed = NEEDED[case.method.lower(), case.operation.path]
        assert needed is not None
        told = f"{name} as {who}: {answer.status_code} {answer.text[:300]!r} to {str(case.path_parameters)[:200]} "
        told += f"{str(case.query)[:200]} {str(case.body)[:300]}"
        is_allowed = (
            name not in ONES_OWN or who != NOBODY
            if needed.resource is None
            else who != NOBODY and decide({who}, needed.resource, needed.level)
        )
        if answer.status_code >= 500 and not is_unavailable(name, answer):
            self.problems.append(told)
        elif "Traceback" in answer.text or "/src/staycalm" in answer.text:
            self.problems.append(f"tells of its inside: {told}")
        elif answer.is_success and not is_allowed:
            self.problems.append(f"is not allowed: {told}")
        elif answer.is_success:
            self._check_form(case, answer, told)
            self._remember(case.method, answer)

    def _check_form(self, case: Case, answer: httpx.Response, told: str) -> None:
        if "json" not in answer.headers.get("content-type", ""):
            return
        try:
            case.validate_response(answer, checks=[response_schema_conformance, content_type_conformance])
        except (AssertionError, BaseExceptionGroup, Exception) as wrong:  # noqa: BLE001 - told with the answer
            self.problems.append(f"{str(wrong)[:300]} <- {told}")

    def _remember(self, method: str, answer: httpx.Response) -> None:
        has_body = answer.status_code != HTTPStatus.NO_CONTENT and "json" in answer.headers.get("content-type", "")
        if not has_body or not isinstance(body := answer.json(), dict):
            return
        rows = [body, *(each for each in body.get("items", ()) if isinstance(each, dict))]
        for row in rows[:5]:
            for key in ("id", "name", "handle", "incident", "group_id"):
                # What the askers themselves live on is left alone: their people and tokens.
                if isinstance(row.get(key), str) and "kind" not in row and not row[key].startswith("a-"):
                    self.known.append(row[key])
        del self.known[:-REMEMBERED]

    def run(self, name: str, *, examples: int, askers: int, number: int = 1) -> None:
        """Send so many requests of each kind to the operation, each as `askers` of those there are."""
        operation = OPERATIONS[name]
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @seed(number)
            @settings(
                max_examples=examples, deadline=None, derandomize=number == 1, database=None,
                phases=[Phase.generate], suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
            def send(case: Case, data: st.DataObject) -> None:
                self._put_known(case, data)
                start = self.sent
                for nth in range(askers):
                    self.ask(case, ASKERS[(start + nth) % len(ASKERS)])

            _send_all(send)

    def _put_known(self, case: Case, data: st.DataObject) -> None:
        # A number is drawn, not a word: what is known grows, and what is drawn from must stay the same.
        numbers = st.integers(0, 2 * REMEMBERED)

        def word() -> str:
            number = data.draw(numbers)
            pool = (tuple(self.known), NASTY)[number % 2]
            return pool[number // 2 % len(pool)]

        for values in (case.path_parameters, case.query):
            for key in sorted(values or {}):
                if data.draw(st.integers(0, 2)) and isinstance(values[key], str):
                    values[key] = word()
        declared = {each.name for each in case.operation.query}
        for key in ENDLESS & declared:
            case.query = {**(case.query or {}), key: "0"}
        if isinstance(case.body, dict):
            for key in sorted(case.body, key=str):
                if isinstance(case.body[key], str) and not data.draw(st.integers(0, 4)):
                    case.body[key] = word()


def is_unavailable(name: str, answer: httpx.Response) -> bool:
    """Return whether the answer is a 503 of those that the operation has words for."""
    if answer.status_code != 503:
        return False
    said = answer.json() if "json" in answer.headers.get("content-type", "") else None
    if not isinstance(said, dict):
        return False
    if name == "GET /health":
        return said.get("status") == "failing" and bool(said.get("problems"))
    return MAY_BE_UNAVAILABLE.get(str(said.get("code"))) == name and bool(said.get("next_step"))


def _send_all(send: Any) -> None:
    try:
        send()
    except Exception as nothing:
        if type(nothing).__name__ != "Unsatisfiable":
            raise


def without_pauses(asked: Asked) -> None:
    """A slowed log-in answers at once: how long it would have waited is tested elsewhere."""
    inner: Any = asked.application.asgi
    while not hasattr(inner, "state"):
        inner = inner._app

    async def at_once(_seconds: float) -> None:
        return None

    inner.state.accounts = dataclasses.replace(inner.state.accounts, pause=at_once)
