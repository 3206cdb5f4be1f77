"""The metric source against a real Prometheus, and against answers that a real one rarely gives."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from staycalm.adapters.prometheus import PrometheusSettings, PrometheusSource
from staycalm.adapters.prometheus.adapter import read_answer
from staycalm.kit.clock import SystemClock
from staycalm.kit.settings import Secret
from staycalm.ports.metrics import Reading
from tests.ports import free_port

BINARY = shutil.which("prometheus")
EXPOSITION = (
    'shop_requests_total{code="200"} 950\n'
    'shop_requests_total{code="500"} 50\n'
    "shop_queue_length 7\n"
    "shop_idle_total 0\n"
)
TEXT = {"Content-Type": "text/plain; version=0.0.4"}


@dataclass
class Clock:
    """A clock that moves when it is told to."""

    seconds: float = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 5, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class Peer:
    """An HTTP server that gives prepared answers and remembers what it was asked."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


PUMP = Peer(body="pump_pressure 2.5\n", headers=TEXT)


@contextmanager
def serving(peer: Peer) -> Iterator[Peer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.answer()

        def answer(self) -> None:
            peer.seen.append(dict(self.headers))
            body = peer.body.encode()
            self.send_response(peer.status)
            for name, value in {**peer.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    peer.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield peer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(
    settings: PrometheusSettings, *expressions: str, clock: Any = None, timeout_s: float = 5.0
) -> list[Reading]:
    async def run() -> list[Reading]:
        source = PrometheusSource(settings, clock or SystemClock())
        try:
            at = SystemClock().now()
            return [await source.query(e, at=at, timeout_s=timeout_s) for e in expressions]
        finally:
            await source.close()

    return asyncio.run(run())


def until(what: Callable[[], bool], deadline_s: float = 90.0) -> bool:
    end = SystemClock().monotonic() + deadline_s
    while SystemClock().monotonic() < end:
        if what():
            return True
        threading.Event().wait(0.1)
    return False


def readings(settings: PrometheusSettings, kind: str, *expressions: str) -> list[Reading]:
    """Return the readings once all are of the kind: what a late scrape has missed is no data until the next."""
    found: list[Reading] = []

    def are_there() -> bool:
        found[:] = ask(settings, *expressions)
        return all(each.kind == kind for each in found)

    assert until(are_there), found
    return found


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusSettings]:
    if BINARY is None:
        pytest.skip("needs Debian's package prometheus")
    home = tmp_path_factory.mktemp("prometheus")
    port = free_port()
    with serving(Peer(body=EXPOSITION, headers=TEXT)) as shop, serving(PUMP) as pump:
        _configure(home, shop.url.removeprefix("http://"), pump.url.removeprefix("http://"))
        process = subprocess.Popen(
            [
                BINARY,
                f"--config.file={home / 'prometheus.yml'}",
                f"--storage.tsdb.path={home / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=error",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        settings = PrometheusSettings(url=f"http://127.0.0.1:{port}/")
        try:
            assert until(lambda: ask(settings, "shop_queue_length")[0].kind == "value")
            yield settings
        finally:
            process.terminate()
            process.wait(60)


def _configure(home: Path, *targets: str) -> None:
    (home / "prometheus.yml").write_text(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
        "scrape_configs:\n- job_name: shop\n  static_configs:\n"
        f"  - targets: {list(targets)}\n",
        encoding="utf-8",
    )


def test_one_series_is_a_value(prometheus: PrometheusSettings) -> None:
    ratio = 'sum(shop_requests_total{code=~"5.."}) / sum(shop_requests_total)'
    asked = ("shop_queue_length", ratio, "scalar(shop_queue_length) * 2")
    queue, errors, scalar = readings(prometheus, "value", *asked)
    assert (queue.value, queue.sample_count) == (7.0, 1)
    assert errors.value == 0.05
    assert scalar.value == 14.0


def test_no_series_and_nothing_to_divide_are_no_data(prometheus: PrometheusSettings) -> None:
    absent, idle = ask(prometheus, "shop_nothing", "shop_idle_total / shop_idle_total")
    assert (absent.kind, absent.value) == ("no_data", None)
    assert (idle.kind, idle.value) == ("no_data", None)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("shop_requests_total", "2 series; aggregate"),
        ("shop_queue_length / shop_idle_total", "infinity"),
        ("shop_queue_length[1m]", "matrix"),
        ('"text"', "string"),
        ("sum(", "parse error"),
        ("", "refused the expression"),
    ],
)
def test_what_is_not_one_number_is_an_error_in_words(
    prometheus: PrometheusSettings, expression: str, words: str
) -> None:
    (reading,) = readings(prometheus, "error", expression)
    assert reading.value is None
    assert words in reading.detail


def test_a_target_that_goes_away_is_no_data_not_its_last_value(prometheus: PrometheusSettings) -> None:
    assert until(lambda: ask(prometheus, "pump_pressure")[0].kind == "value")
    PUMP.status = 500
    assert until(lambda: ask(prometheus, "pump_pressure")[0].kind == "no_data")


def test_credentials_are_sent_and_never_shown() -> None:
    with serving(Peer(status=401, body="go away")) as peer:
        basic = PrometheusSettings(url=peer.url, username="reader", password=Secret("hunter2"))
        bearer = PrometheusSettings(url=peer.url, bearer_token=Secret("hunter2"))
        answers = ask(basic, "up") + ask(bearer, "up")
        assert [seen["Authorization"].split()[0] for seen in peer.seen] == ["Basic", "Bearer"]
    assert [(a.kind, a.detail) for a in answers] == [
        ("error", "the answer is not one of a Prometheus HTTP API (HTTP 401)")
    ] * 2
    assert "hunter2" not in repr(basic) + repr(bearer)


def test_five_failures_in_a_row_pause_and_the_pause_ends() -> None:
    clock = Clock()
    with serving(
        Peer(status=503, body='{"status":"error","errorType":"timeout","error":"query timed out"}')
    ) as peer:
        settings = PrometheusSettings(url=peer.url)

        async def run() -> tuple[list[Reading], Reading]:
            source = PrometheusSource(settings, clock)
            try:
                answers = [await source.query("up", at=clock.now()) for _ in range(7)]
                clock.seconds += 10.1
                peer.status, peer.body = (
                    200,
                    '{"status":"success","data":{"resultType":"scalar","result":[1,"3"]}}',
                )
                return answers, await source.query("up", at=clock.now())
            finally:
                await source.close()

        answers, after = asyncio.run(run())
        assert len(peer.seen) == 6
    assert all("query timed out" in a.detail for a in answers[:5])
    assert all("left alone" in a.detail for a in answers[5:])
    assert (after.kind, after.value) == ("value", 3.0)


def test_a_429_is_obeyed_for_as_long_as_it_asks() -> None:
    clock = Clock()
    with serving(Peer(status=429, headers={"Retry-After": "60"})) as peer:

        async def run() -> list[str]:
            source = PrometheusSource(PrometheusSettings(url=peer.url), clock)
            details = []
            try:
                for step_s in (0, 59, 2):
                    clock.seconds += step_s
                    details.append((await source.query("up", at=clock.now())).detail)
            finally:
                await source.close()
            return details

        details = asyncio.run(run())
        assert len(peer.seen) == 2
    assert "slow down for 60 s" in details[0]
    assert "left alone for another 1 s" in details[1]


def test_a_server_that_is_not_there_is_an_error() -> None:
    (reading,) = ask(PrometheusSettings(url=f"http://127.0.0.1:{free_port()}"), "up")
    assert reading.kind == "error"
    assert "refused" in reading.detail.lower()


def test_a_server_that_never_answers_is_an_error_within_the_timeout() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        (reading,) = ask(
            PrometheusSettings(url=f"http://127.0.0.1:{silent.getsockname()[1]}"), "up", timeout_s=0.2
        )
    assert (reading.kind, reading.detail) == ("error", "no answer within 0.2 s")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>proxy</html>",
        b"[]",
        b'"success"',
        b"null",
        b'{"status":"success"}',
        b'{"status":"success","data":{"resultType":"vector","result":[{}]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"x"]}]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"value":null}]}}',
        b'{"status":"success","data":{"resultType":"scalar","result":[]}}',
        b'{"status":"success","data":null}',
        b"\xff\xfe",
    ],
)
def test_a_malformed_answer_is_an_error_never_a_number(body: bytes) -> None:
    reading = read_answer(200, body)
    assert (reading.kind, reading.value) == ("error", None)
