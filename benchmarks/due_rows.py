"""How late due rows are driven: 100,000 pending, 200 becoming due each second, on both databases.

`python benchmarks --only due_rows`

The engine of the product drives a reconciler whose effect is nothing: what is measured is from a row's due
time to the start of its effect (claimed, planned and committed with fsync by then). PostgreSQL is measured
with the leases that several servers need there. Goals: p99 150 ms on SQLite, 300 ms on PostgreSQL. The
floor is how late the event loop of an idle process calls as many timers.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from postgres import empty_database
from report import Figure, Options, percentile

from staycalm.engine.loop import Engine
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database, ReadTx, Tx
from staycalm.kit.database.tables import Utc, metadata
from staycalm.kit.ids import Ids
from staycalm.kit.reconcile import AnyReconciler, Effect, Reconciler, soonest
from staycalm.kit.subscriptions import Subscriptions

GOAL_MS = {"SQLite": 150.0, "PostgreSQL": 300.0}
ROWS, PER_SECOND = 100_000, 200
HEAD_START_S = 3.0
tasks = sa.Table(
    "bench_tasks",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    sa.Column("due_at", Utc),
)
sa.Index(
    "ix_bench_tasks_due",
    tasks.c.due_at,
    sqlite_where=tasks.c.due_at.is_not(None),
    postgresql_where=tasks.c.due_at.is_not(None),
)


@dataclass(frozen=True, kw_only=True)
class Nothing(Effect):
    due_at: datetime


def reconciler(clock: SystemClock, late_s: list[float]) -> AnyReconciler:
    """Each row is driven once; `late_s` gets how late its effect began."""

    def due(tx: ReadTx, limit: int) -> list[str]:
        wanted = sa.select(tasks.c.id).where(tasks.c.due_at <= tx.now).order_by(tasks.c.due_at).limit(limit)
        return [row.id for row in tx.rows(wanted)]

    def plan(tx: Tx, id: str) -> Effect | None:
        row = tx.one_or_none(sa.select(tasks.c.due_at).where(tasks.c.id == id, tasks.c.due_at <= tx.now))
        if row is None:
            return None
        tx.execute(tasks.update().where(tasks.c.id == id).values(due_at=tx.now + timedelta(hours=1)))
        return Nothing(key=id, due_at=row.due_at)

    async def perform(effect: Nothing) -> None:
        late_s.append((clock.now() - effect.due_at).total_seconds())

    def settle(tx: Tx, id: str, effect: Effect, outcome: object) -> None:
        tx.execute(tasks.update().where(tasks.c.id == id).values(due_at=None))

    return Reconciler(
        name="bench",
        due=due,
        next_due=lambda tx: tx.scalar(sa.select(soonest(tasks.c.due_at))),
        soonest=soonest(tasks.c.due_at),
        plan=plan,
        perform=perform,
        settle=settle,
    )


async def measure(url: str, *, rows: int, per_second: int, seconds: float) -> list[float]:
    """Return how late each row that became due within `seconds` was, in milliseconds."""
    clock = SystemClock()
    database = Database(url, clock, Ids(clock))
    metadata.create_all(database.engine)
    begin = clock.now() + timedelta(seconds=HEAD_START_S + rows / 50_000)
    filled = [{"id": f"T-{n}", "due_at": begin + timedelta(seconds=n / per_second)} for n in range(rows)]
    for start in range(0, rows, 10_000):
        chunk = filled[start : start + 10_000]
        await database.write(lambda tx, chunk=chunk: tx.execute(tasks.insert(), chunk))  # type: ignore[misc]
    late_s: list[float] = []
    engine = Engine(
        database,
        Subscriptions([]),
        [reconciler(clock, late_s)],
        holder="bench",
        uses_leases=not database.is_sqlite,
    )
    stopping = asyncio.Event()
    running = asyncio.create_task(engine.run(stopping))
    await asyncio.sleep((begin - clock.now()).total_seconds() + seconds)
    stopping.set()
    await running
    database.close()
    # A row that was not driven by the end is at least so late.
    waited = [seconds - n / per_second for n in range(len(late_s), int(per_second * seconds))]
    return sorted(1000 * each for each in [*late_s, *waited])


async def timers(*, per_second: int, seconds: float) -> list[float]:
    """Return how late the event loop alone is, in milliseconds."""
    loop, late_s = asyncio.get_running_loop(), list[float]()
    begin = loop.time() + 0.1
    for n in range(int(per_second * seconds)):
        at = begin + n / per_second
        loop.call_at(at, lambda at=at: late_s.append(loop.time() - at))  # type: ignore[misc]
    await asyncio.sleep(0.2 + seconds)
    return [1000 * each for each in late_s]


def measured(options: Options) -> tuple[list[Figure], Any]:
    seconds = 10.0 if options.is_quick else 30.0
    raw: dict[str, list[list[float]]] = {}
    for run in range(options.runs):
        raw.setdefault("timers", []).append(asyncio.run(timers(per_second=PER_SECOND, seconds=5.0)))
        with tempfile.TemporaryDirectory(prefix="sc-bench-") as folder, ExitStack() as stack:
            urls = {"SQLite": f"sqlite:///{folder}/bench.db"}
            if options.postgres:
                urls["PostgreSQL"] = stack.enter_context(empty_database(options.postgres, f"due_rows_{run}"))
            for engine, url in urls.items():
                late = asyncio.run(measure(url, rows=ROWS, per_second=PER_SECOND, seconds=seconds))
                raw.setdefault(engine, []).append(late)
    figures = []
    floor = statistics.median(percentile(run, 0.99) for run in raw.pop("timers"))
    for engine, runs in raw.items():
        p99 = statistics.median(percentile(run, 0.99) for run in runs)
        what = f"due rows: p99 lateness, {ROWS:,} pending, {PER_SECOND}/s, {engine}"
        figures.append(Figure(what, p99, "ms", GOAL_MS[engine], peer=floor, peer_name="bare timers"))
    return figures, raw
