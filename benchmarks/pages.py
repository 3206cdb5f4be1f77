"""How soon pages come from a database that has grown for years: `python benchmarks --only pages`.

100,000 alerts, 10,000 incidents with their time-lines (those that are looked at: 50 entries) and 50,000
deployments are copies of rows that the product wrote itself; 20 page loads per second, open loop (a load starts on
time whatever became of the ones before), each page in turn, the HTML alone, signed in by a token. On SQLite and on
PostgreSQL.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import sqlalchemy as sa
from postgres import empty_database
from report import Figure, Options, percentile
from running import Running, server
from shop import ENVIRONMENT, Shop

from staycalm.domains.alerts.model import alert_groups, alerts
from staycalm.domains.deployments.model import deployments
from staycalm.domains.incidents.model import incidents
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database
from staycalm.kit.database.tables import counters, events
from staycalm.kit.ids import Ids

ALERTS, INCIDENTS, DEPLOYMENTS = 100_000, 10_000, 50_000
OPEN_ALERTS, OPEN_INCIDENTS, SERVICES = 2_000, 20, 100
LOOKED_AT_EVERY, ENTRIES = 37, 50
PER_SECOND, GOAL_MS = 20, 100.0
PAGES = {"overview": "/", "incident": "/incidents/INC-{n}", "alert list": "/alerts"}
Row = dict[str, Any]


async def seed(running: Running, folder: Path) -> None:
    """One alert, one incident and one deployment are there, written by the product."""
    shop = await Shop.open(running, folder)
    await shop.wait(await shop.deploy("v0", [{"weight": 50, "duration_s": 1}]), state="completed")
    for path, body in (
        ("/api/v1/alerts", {"summary": "disk is almost full", "priority": "P3", "service": "shop",
                            "environment": "production", "dedup_key": "disk", "labels": {"host": "a"}}),
        ("/api/v1/incidents", {"title": "the shop is slow", "priority": "P2"}),
    ):  # fmt: skip
        async with running.http.post(path, json=body) as answer:
            assert answer.ok, await answer.text()
    await asyncio.sleep(2.0)


def fill(url: str) -> None:
    """The database holds what years would have left in it."""
    clock = SystemClock()
    database = Database(url, clock, Ids(clock), inline=True)
    now = clock.now()

    def template(connection: sa.Connection, table: sa.Table) -> Row:
        row = connection.execute(sa.select(table).order_by(next(iter(table.primary_key))).limit(1)).one()
        return dict(row._mapping)

    with database.engine.begin() as connection:
        alert, group = template(connection, alerts), template(connection, alert_groups)
        incident, deployment = template(connection, incidents), template(connection, deployments)
        told = [
            dict(row._mapping)
            for row in connection.execute(sa.select(events).where(events.c.subject == incident["id"]))
        ]
        put(connection, alert_groups, many_groups(group, now))
        put(connection, alerts, many_alerts(alert, now))
        put(connection, incidents, many_incidents(incident, now))
        put(connection, events, many_events(told))
        put(connection, deployments, many_deployments(deployment, now))
        for kind, highest in (("ALG", SERVICES + 100), ("INC", INCIDENTS + 100), ("DEP", DEPLOYMENTS + 100)):
            connection.execute(counters.update().where(counters.c.kind == kind).values(value=highest))
        connection.exec_driver_sql("ANALYZE")
    database.close()


def put(connection: sa.Connection, table: sa.Table, rows: Iterable[Row]) -> None:
    walk = iter(rows)
    while chunk := list(itertools.islice(walk, 5_000)):
        connection.execute(table.insert(), chunk)


def many_groups(group: Row, now: Any) -> Iterator[Row]:
    for n in range(SERVICES):
        name = f"service-{n}"
        yield {**group, "id": f"ALG-{n + 50}", "open_key": f"{name}@production", "service": name}
        yield {**group, "id": f"ALG-{n + 50_000}", "open_key": None, "service": name, "resolved_at": now}


def many_alerts(alert: Row, now: Any) -> Iterator[Row]:
    for n in range(ALERTS):
        at, is_open = now - timedelta(minutes=5 * n), n < OPEN_ALERTS
        yield {
            **alert, "id": f"{n:08d}-0000-7000-8000-000000000000", "service": f"service-{n % SERVICES}",
            "group_id": f"ALG-{n % SERVICES + (50 if is_open else 50_000)}", "key": f"disk-{n}",
            "dedup_key": f"disk-{n}" if is_open else None, "state": "firing" if is_open else "resolved",
            "priority": f"P{n % 4}", "opened_at": at, "changed_at": at, "due_at": None,
            "resolved_at": None if is_open else at + timedelta(minutes=4),
        }  # fmt: skip


def many_incidents(incident: Row, now: Any) -> Iterator[Row]:
    for n in range(INCIDENTS):
        at, is_open = now - timedelta(hours=1 + INCIDENTS - n), n >= INCIDENTS - OPEN_INCIDENTS
        yield {
            **incident, "id": f"INC-{n + 50}", "number": n + 50, "open_placement": None,
            "service": f"service-{n % SERVICES}", "environment": "production", "declared_at": at,
            "state": incident["state"] if is_open else "resolved",
            "resolved_at": None if is_open else at + timedelta(minutes=40),
        }  # fmt: skip


def many_events(told: list[Row]) -> Iterator[Row]:
    long = list(itertools.islice(itertools.cycle(told), ENTRIES))
    for n in range(INCIDENTS):
        for event in long if n % LOOKED_AT_EVERY == 0 else told:
            yield {**{k: v for k, v in event.items() if k != "seq"}, "subject": f"INC-{n + 50}"}


def many_deployments(deployment: Row, now: Any) -> Iterator[Row]:
    for n in range(DEPLOYMENTS):
        at = now - timedelta(minutes=10 * (1 + DEPLOYMENTS - n))
        yield {
            **deployment, "id": f"DEP-{n + 50}", "number": n + 50, "service": f"service-{n % SERVICES}",
            "requested_at": at, "completed_at": at, "finished_at": at, "due_at": None,
        }  # fmt: skip


def looked_at(nth: int) -> int:
    """Return which incident the nth load asks for."""
    return LOOKED_AT_EVERY * (nth % (INCIDENTS // LOOKED_AT_EVERY))


async def load(running: Running, seconds: float) -> dict[str, list[float]]:
    """Return milliseconds to the last byte of each load of each page."""
    took: dict[str, list[float]] = {name: [] for name in PAGES}

    async def one(name: str, path: str, due: float, session: aiohttp.ClientSession) -> None:
        async with session.get(path) as answer:
            text = await answer.text()
            assert answer.status == 200, f"{path}: {answer.status} {text[-500:]}"
        took[name].append(1000 * (time.monotonic() - due))

    # Each page is drawn once before: templates are compiled by the first look.
    for name, path in PAGES.items():
        await one(name, path.format(n=60), time.monotonic(), running.http)
    took = {name: [] for name in PAGES}
    begin, loads = time.monotonic(), []
    for n, (name, path) in zip(range(int(PER_SECOND * seconds)), itertools.cycle(PAGES.items()), strict=False):
        due = begin + n / PER_SECOND
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        loads.append(asyncio.create_task(one(name, path.format(n=50 + looked_at(n)), due, running.http)))
    await asyncio.gather(*loads)
    return took


async def measure(
    folder: Path, database: dict[str, str], runs: int, seconds: float
) -> list[dict[str, list[float]]]:
    environment = ENVIRONMENT | database
    async with server(folder / "data", environment) as running:
        await seed(running, folder)
    await asyncio.to_thread(fill, database.get("SC_DATABASE_URL", f"sqlite:///{folder}/data/staycalm.db"))
    async with server(folder / "data", environment) as running:
        await asyncio.sleep(3.0)
        return [await load(running, seconds) for _ in range(runs)]


def measured(options: Options) -> tuple[list[Figure], Any]:
    what = f"{PER_SECOND} loads/s, {ALERTS:,} alerts, {INCIDENTS:,} incidents, {DEPLOYMENTS:,} deployments"
    raw, figures = {}, []
    with ExitStack() as stack:
        databases: dict[str, dict[str, str]] = {"SQLite": {}}
        if options.postgres:
            url = stack.enter_context(empty_database(options.postgres, "pages"))
            databases["PostgreSQL"] = {"SC_DATABASE_URL": url}
        for engine, database in databases.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sc-bench-")))
            seconds = 15.0 if options.is_quick else 30.0
            raw[engine] = runs = asyncio.run(measure(folder, database, options.runs, seconds))
            for name in PAGES:
                p99 = statistics.median(percentile(run[name], 0.99) for run in runs)
                figures.append(Figure(f"{name} page, {what}, {engine}: p99", p99, "ms", GOAL_MS))
    return figures, raw
