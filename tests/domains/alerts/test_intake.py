"""The collector on a real database file: together where it can be, each with its own answer."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import staycalm.app.tables  # noqa: F401 - declares every domain's tables
from staycalm.core.errors import Unavailable
from staycalm.domains.alerts.decisions import Report
from staycalm.domains.alerts.intake.collector import WAITING_LIMIT, Collector
from staycalm.domains.alerts.intake.service import Told
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database
from staycalm.kit.database.tables import metadata
from staycalm.kit.ids import Ids
from tests.domains.alerts.world import ALICE


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "calm.db"


@pytest.fixture
def database(file: Path) -> Iterator[Database]:
    clock = SystemClock()
    made = Database(f"sqlite:///{file}", clock, Ids(clock))
    metadata.create_all(made.engine)
    yield made
    made.close()


def told(key: str, **more: Any) -> Told:
    return Told(ALICE, Report(**{"dedup_key": key, "summary": "full", "service": "shop", "rule": "disk"} | more))


def rows_in(file: Path) -> int:
    with sqlite3.connect(file) as other:
        return int(other.execute("SELECT count(*) FROM alerts WHERE dedup_key IS NOT NULL").fetchone()[0])


def test_what_was_answered_is_committed_for_everybody_to_see(database: Database, file: Path) -> None:
    async def run() -> list[int]:
        collector = Collector(database, AlertsSettings())
        seen = []
        for n in range(5):
            await collector.submit([told(f"k{n}")])
            seen.append(rows_in(file))
        return seen

    assert asyncio.run(run()) == [1, 2, 3, 4, 5]


def test_requests_that_arrive_together_are_committed_together_and_answered_each(database: Database) -> None:
    batches = []

    async def run() -> list[list[Any]]:
        collector = Collector(database, AlertsSettings())
        write = database.write

        async def counting(use_case: Any, reports: Any, **named: Any) -> Any:
            batches.append(len(reports))
            return await write(use_case, reports, **named)

        database.write = counting  # type: ignore[method-assign, assignment]
        return await asyncio.gather(*(collector.submit([told(f"k{n}"), told("same")]) for n in range(100)))

    answers = asyncio.run(run())
    assert sum(batches) == 200
    assert len(batches) < 10
    assert len({answer[0].alert_id for answer in answers}) == 100
    assert len({answer[1].alert_id for answer in answers}) == 1
    assert [answer[1].action for answer in answers].count("open") == 1


def test_one_request_that_cannot_be_kept_does_not_take_the_others_along(database: Database, file: Path) -> None:
    async def run() -> list[Any]:
        collector = Collector(database, AlertsSettings())
        requests = [[told(f"k{n}")] for n in range(20)]
        requests[7] = [told("poison", summary=None)]
        return await asyncio.gather(*(collector.submit(each) for each in requests), return_exceptions=True)

    answers = asyncio.run(run())
    assert [n for n, answer in enumerate(answers) if isinstance(answer, Exception)] == [7]
    assert rows_in(file) == 19


def test_a_client_that_hangs_up_does_not_take_the_others_along(database: Database, file: Path) -> None:
    async def run() -> None:
        collector = Collector(database, AlertsSettings())
        impatient = asyncio.create_task(collector.submit([told("a")]))
        patient = asyncio.create_task(collector.submit([told("b")]))
        await asyncio.sleep(0)
        impatient.cancel()
        await patient

    asyncio.run(run())
    assert rows_in(file) == 2


def test_more_reports_than_can_wait_are_refused_and_not_kept(database: Database, file: Path) -> None:
    async def run() -> None:
        collector = Collector(database, AlertsSettings())
        with pytest.raises(Unavailable):
            await collector.submit([told("a")] * (WAITING_LIMIT + 1))

    asyncio.run(run())
    assert rows_in(file) == 0
