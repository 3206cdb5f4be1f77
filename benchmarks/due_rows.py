"""How late due rows are driven: 100,000 pending, 200 becoming due each second, on both databases.

`python benchmarks/due_rows.py [--rows 100000] [--per-second 200] [--seconds 30] [--postgres URL] [--json FILE]`

The engine of the product drives a reconciler whose effect is nothing: what is measured is from a row's due
time to the start of its effect (claimed, planned and committed with fsync by then). PostgreSQL is measured
where `--postgres` or SC_TEST_POSTGRES names a server on which databases may be made, with the leases that
several servers need there. Goals: p99 150 ms on SQLite, 300 ms on PostgreSQL.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from staycalm.engine.loop import Engine
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database, ReadTx, Tx
from staycalm.kit.database.tables import Utc, metadata
from staycalm.kit.ids import Ids
from staycalm.kit.reconcile import AnyReconciler, Effect, Reconciler, soonest
from staycalm.kit.subscriptions import Subscriptions

GOAL_MS = {"SQLite": 150.0, "PostgreSQL": 300.0}
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
    assert len(late_s) >= 0.95 * per_second * seconds, f"only {len(late_s)} rows were driven"
    return sorted(1000 * each for each in late_s)


@contextmanager
def databases(postgres: str | None) -> Iterator[dict[str, str]]:
    """Yield the URL of an empty database on each engine there is."""
    with tempfile.TemporaryDirectory(prefix="sc-bench-") as folder:
        found = {"SQLite": f"sqlite:///{folder}/bench.db"}
        if postgres is None:
            yield found
            return
        server = sa.make_url(postgres).set(drivername="postgresql+psycopg")
        admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
        name = f"sc_bench_{os.getpid()}"
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
            try:
                found["PostgreSQL"] = sa.make_url(postgres).set(database=name).render_as_string(False)
                yield found
            finally:
                connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        admin.dispose()


def percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--per-second", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--postgres", default=os.environ.get("SC_TEST_POSTGRES"))
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    raw: dict[str, list[float]] = {}
    print(f"{wanted.rows} pending rows, {wanted.per_second} due per second, {wanted.seconds:.0f} s")
    print(f"{'':12}{'driven':>8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'goal p99':>10}  met?")
    with databases(wanted.postgres) as found:
        for engine, url in found.items():
            late = asyncio.run(
                measure(url, rows=wanted.rows, per_second=wanted.per_second, seconds=wanted.seconds)
            )
            raw[engine] = late
            p99, goal = percentile(late, 0.99), GOAL_MS[engine]
            print(
                f"{engine:12}{len(late):8}{statistics.median(late):9.1f}{p99:9.1f}{late[-1]:9.1f}{goal:10.0f}"
                f"  {'yes' if p99 <= goal else 'no'}"
            )
    if wanted.json:
        wanted.json.write_text(json.dumps(raw))


if __name__ == "__main__":
    main()
