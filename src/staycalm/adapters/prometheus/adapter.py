"""Instant queries. Absence, ambiguity and trouble are answers of their own; none of them is a number."""

from __future__ import annotations

import asyncio
import json
import math
import ssl
from base64 import b64encode
from datetime import datetime
from typing import Any

import aiohttp

from staycalm.adapters.prometheus.settings import PrometheusSettings
from staycalm.kit.clock import Clock
from staycalm.ports.metrics import Reading

ANSWER_LIMIT_BYTES = 1024 * 1024
DETAIL_LIMIT = 300
FAILURES_BEFORE_PAUSE = 5
PAUSE_S = 10.0
LONGEST_PAUSE_S = 300.0


class PrometheusSource:
    """Asks one Prometheus. After five failures in a row, or a 429, it is left alone for a while.

    A reading is the value of the only series of the answer, at `at`. Prometheus itself looks back five
    minutes for a sample and drops a series whose target is gone; such an answer is `no_data`.
    """

    name = "prometheus"

    def __init__(self, settings: PrometheusSettings, clock: Clock) -> None:
        if not settings.url:
            raise ValueError("prometheus.url is not set")
        self._url = settings.url.rstrip("/") + "/api/v1/query"
        self._settings = settings
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._failures = 0
        self._paused_until = -math.inf

    async def query(self, expression: str, *, at: datetime, timeout_s: float = 5.0) -> Reading:
        """Return one number, no data, or the error in words; never raises but on cancellation."""
        wait_s = self._paused_until - self._clock.monotonic()
        if wait_s > 0:
            return _error(f"Prometheus is left alone for another {wait_s:.0f} s after failures")
        form = {"query": expression, "time": f"{at.timestamp():.3f}", "timeout": f"{timeout_s:g}s"}
        try:
            async with asyncio.timeout(timeout_s):
                async with self._opened().post(self._url, data=form, allow_redirects=False) as answer:
                    body = await answer.content.read(ANSWER_LIMIT_BYTES)
                    while not answer.content.at_eof() and len(body) < ANSWER_LIMIT_BYTES:
                        body += await answer.content.read(ANSWER_LIMIT_BYTES - len(body))
        except TimeoutError:
            return self._failed(f"no answer within {timeout_s:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return self._failed(f"Prometheus cannot be reached ({_kind(error)})")
        if answer.status == 429 or answer.status >= 500:
            return self._refused(answer.status, answer.headers.get("Retry-After"), body)
        self._failures = 0
        return read_answer(answer.status, body)

    async def close(self) -> None:
        """No connection is left open."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            context = ssl.create_default_context()
            if self._settings.ca_file is not None:
                context.load_verify_locations(cafile=self._settings.ca_file)
            headers = {}
            if self._settings.bearer_token:
                headers["Authorization"] = f"Bearer {self._settings.bearer_token.reveal()}"
            elif self._settings.username:
                pair = f"{self._settings.username}:{self._settings.password.reveal()}"
                headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=8, ssl=context),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                headers=headers,
            )
        return self._session

    def _failed(self, detail: str) -> Reading:
        self._failures += 1
        if self._failures >= FAILURES_BEFORE_PAUSE:
            self._paused_until = self._clock.monotonic() + PAUSE_S
        return _error(detail)

    def _refused(self, status: int, retry_after: str | None, body: bytes) -> Reading:
        if status == 429:
            asked_s = float(retry_after) if retry_after and retry_after.isdigit() else PAUSE_S
            self._paused_until = self._clock.monotonic() + min(asked_s, LONGEST_PAUSE_S)
            return _error(f"Prometheus asked to slow down for {asked_s:.0f} s")
        reading = read_answer(status, body)
        return self._failed(reading.detail)


def read_answer(status: int, body: bytes) -> Reading:
    """Return the reading that an answer of `/api/v1/query` holds (Prometheus HTTP API, instant queries).

    An empty vector and NaN (0/0: nothing to divide) are no data; infinity, a matrix, a string and more
    than one series are errors, because picking one would be a guess.
    """
    try:
        answer = json.loads(body)
        if answer["status"] != "success":
            return _error(f"Prometheus refused the expression: {answer.get('error', f'HTTP {status}')}")
        data: dict[str, Any] = answer["data"]
        kind, result = data["resultType"], data["result"]
        if kind == "scalar":
            return _value(float(result[1]))
        if kind != "vector":
            return _error(f"the expression gives a {kind}; make it give one number")
        if not result:
            return Reading("no_data", detail="the expression matches no series")
        if len(result) > 1:
            return _error(f"the expression gives {len(result)} series; aggregate them to one")
        if "value" not in result[0]:
            return _error("the expression gives a native histogram; make it give one number")
        return _value(float(result[0]["value"][1]))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError):
        return _error(f"the answer is not one of a Prometheus HTTP API (HTTP {status})")


def _value(number: float) -> Reading:
    if math.isnan(number):
        return Reading("no_data", detail="the expression gives NaN")
    if math.isinf(number):
        return _error("the expression gives infinity")
    return Reading("value", value=number, sample_count=1)


def _error(detail: str) -> Reading:
    return Reading("error", detail=" ".join(detail.split())[:DETAIL_LIMIT])


def _kind(error: BaseException) -> str:
    cause = getattr(error, "os_error", error)
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused"
    return getattr(cause, "strerror", None) or type(cause).__name__
