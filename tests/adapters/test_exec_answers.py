"""What commands may print, and that nothing else is ever taken for an answer."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.adapters.exec.answers import (
    read_counters,
    read_endpoint,
    read_endpoints,
    read_status,
    read_weight,
    subtract,
)
from staycalm.ports.errors import Rejected
from staycalm.ports.traffic import Endpoint, SlotCounts


@pytest.mark.parametrize(
    ("text", "weight"),
    [("0", 0), ("12.5\n", 12.5), (" 100 ", 100), ("weight=7", 7), ("50%", 50), ('{"weight": 12.5}', 12.5)],
)
def test_a_weight_is_a_percentage(text: str, weight: float) -> None:
    assert read_weight(text) == weight


@pytest.mark.parametrize(
    "text", ["", "-1", "100.1", "nan", "inf", "ten", "5 6", "{}", '{"weight": null}', "{", "[5]"]
)
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(Rejected):
        read_weight(text)


@pytest.mark.parametrize(
    ("text", "endpoints"),
    [
        ("", []),
        ("10.0.0.1:80\n\nshop.example:8080\n", [("10.0.0.1", 80), ("shop.example", 8080)]),
        ("[::1]:80", [("::1", 80)]),
        ("colour=blue\nendpoint=a:1\n", [("a", 1)]),
        ('{"endpoints": ["a:1", "b:2"]}', [("a", 1), ("b", 2)]),
        ("{}", []),
    ],
)
def test_endpoints_are_host_and_port(text: str, endpoints: list[tuple[str, int]]) -> None:
    assert read_endpoints(text) == tuple(Endpoint(host, port) for host, port in endpoints)


@pytest.mark.parametrize("text", ["", "host", "host:", ":80", "host:0", "host:65536", "::1:80", "host:8²", "h:-1"])
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="not host:port"):
        read_endpoint(text)


def test_a_status_that_says_nothing_says_that_it_exists() -> None:
    status = read_status("")
    assert (status.exists, status.digest, status.instances) == (True, None, None)


def test_a_status_tells_every_instance() -> None:
    status = read_status(
        '{"exists": true, "digest": "sha256:aa", "instances": ['
        '{"endpoint": "a:1", "pid": 7, "restarts": 2, "started_at": 5.5, "cpu_fraction": 0.5, "memory_bytes": 9},'
        '{"ready": false, "exit_reason": "oom"}, {"readiness": "starting"}]}'
    )
    assert status.instances is not None
    first, second, third = status.instances
    assert (first.endpoint, first.pid, first.restarts, first.started_at_s) == (Endpoint("a", 1), 7, 2, 5.5)
    assert (first.cpu_fraction, first.memory_bytes, first.readiness) == (0.5, 9, "ready")
    assert (second.readiness, second.exit_reason) == ("unhealthy", "oom")
    assert third.readiness == "starting"


@pytest.mark.parametrize(
    "text",
    [
        "it runs",
        "exists=perhaps",
        "ready=1",
        "digest=v7",
        "endpoint=nowhere",
        '{"exists": 1}',
        '{"instances": {}}',
        '{"instances": ["a:1"]}',
        '{"instances": [{"readiness": "fine"}]}',
        '{"instances": [{"pid": "x"}]}',
        '{"exists": true',
    ],
)
def test_a_status_that_could_be_misread_is_refused(text: str) -> None:
    with pytest.raises(Rejected):
        read_status(text)


def test_counters_are_read_for_each_slot() -> None:
    counts = read_counters(
        '{"slots": {"blue": {"total": 9, "server_errors": 1, "active": 2, "latency_buckets": [[5, 7], [null, 2]]},'
        ' "green": {}}}'
    )
    assert counts["blue"] == SlotCounts(
        total=9, server_errors=1, active=2, latency_buckets=((5.0, 7), (math.inf, 2))
    )
    assert counts["green"] == SlotCounts()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "total=5",
        "{}",
        '{"slots": []}',
        '{"slots": {"red": {}}}',
        '{"slots": {"blue": 5}}',
        '{"slots": {"blue": {"total": -1}}}',
        '{"slots": {"blue": {"total": 1.5}}}',
        '{"slots": {"blue": {"total": true}}}',
        '{"slots": {"blue": {"latency_buckets": [[5]]}}}',
        '{"slots": {"blue": {"latency_buckets": [[5, 1], [5, 1]]}}}',
        '{"slots": {"blue": {"latency_buckets": [[null, 1], [5, 1]]}}}',
    ],
)
def test_counters_that_could_be_misread_are_refused(text: str) -> None:
    with pytest.raises(Rejected):
        read_counters(text)


counters = st.builds(
    SlotCounts,
    total=st.integers(0, 10**9),
    client_errors=st.integers(0, 10**6),
    server_errors=st.integers(0, 10**6),
    active=st.integers(0, 100),
    latency_buckets=st.lists(st.integers(0, 10**6), min_size=2, max_size=2).map(
        lambda counts: ((5.0, counts[0]), (math.inf, counts[1]))
    ),
)


@given(counters, counters)
def test_a_difference_adds_up_and_a_step_back_is_a_reset(before: SlotCounts, more: SlotCounts) -> None:
    now = SlotCounts(
        total=before.total + more.total,
        client_errors=before.client_errors + more.client_errors,
        server_errors=before.server_errors + more.server_errors,
        active=more.active,
        latency_buckets=tuple(
            (bound, count + extra[1])
            for (bound, count), extra in zip(before.latency_buckets, more.latency_buckets, strict=True)
        ),
    )
    assert subtract(now, before) == more
    assert (subtract(before, now) is None) == (
        more != SlotCounts(active=more.active, latency_buckets=((5.0, 0), (math.inf, 0)))
    )


@pytest.mark.parametrize("read", [read_weight, read_endpoints, read_status, read_counters])
@given(text=st.text())
def test_no_text_breaks_a_reader(read: Callable[[str], object], text: str) -> None:
    try:
        read(text)
    except Rejected as refusal:
        assert len(str(refusal)) < 500
