"""The metric source against answers that a real Prometheus rarely gives."""

from __future__ import annotations

import asyncio
import socket

import pytest

from staycalm.adapters.prometheus import PrometheusSettings, PrometheusSource
from staycalm.adapters.prometheus.adapter import read_answer
from staycalm.kit.settings import Secret
from staycalm.ports.metrics import Reading
from tests.adapters.prometheus_peer import Clock, Peer, ask, serving
from tests.ports import free_port


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
