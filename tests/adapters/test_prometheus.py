"""The metric source against a real Prometheus."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from staycalm.adapters.prometheus import PrometheusSettings
from staycalm.kit.clock import SystemClock
from staycalm.ports.metrics import Reading
from tests.adapters.prometheus_peer import TEXT, Peer, ask, serving
from tests.ports import free_port

BINARY = shutil.which("prometheus")
EXPOSITION = (
    'shop_requests_total{code="200"} 950\n'
    'shop_requests_total{code="500"} 50\n'
    "shop_queue_length 7\n"
    "shop_idle_total 0\n"
)
PUMP = Peer(body="pump_pressure 2.5\n", headers=TEXT)


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
