"""Old rows go in bites, the oldest first; what is not over stays; nothing is read through to find them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from staycalm.core.actor import SYSTEM
from staycalm.core.self_events import ClockStepped
from staycalm.kit.database import Database, ReadTx, Tx, retention
from staycalm.kit.database.tables import deliveries, events
from tests.conftest import VirtualClock, drive

DAY_S = 86400.0
RULES = retention.log_rules(events_keep_s=30 * DAY_S, deliveries_keep_s=7 * DAY_S)


def step(tx: Tx, count: int) -> None:
    for n in range(count):
        tx.emit(SYSTEM, ClockStepped(subject=f"s{n}", step_s=1.0))


def counts(tx: ReadTx) -> tuple[int, int]:
    return tuple(tx.scalar(sa.select(sa.func.count()).select_from(t)) for t in (deliveries, events))  # type: ignore[return-value]


@pytest.fixture
def log(world_db: Database, clock: VirtualClock) -> Database:
    """Five events a day for 40 days, handled, but for the first one: its delivery still waits."""
    world_db.subscriptions = lambda _name: [("t.hear", 1)]
    for _ in range(40):
        drive(world_db.write(step, 5))
        clock.advance(days=1)
    handled = deliveries.update().where(deliveries.c.event_seq > 1).values(state="done", due_at=None)
    drive(world_db.write(lambda tx: tx.execute(handled)))
    return world_db


def test_deliveries_go_before_their_events_and_what_waits_stays(log: Database) -> None:
    drive(log.write(retention.sweep, RULES))
    # 33 days of deliveries and 10 days of events are over, without the one that waits.
    assert drive(log.read(counts)) == (200 - 33 * 5 + 1, 200 - 10 * 5 + 1)
    assert drive(log.write(retention.sweep, RULES)) == 0


def test_zero_keeps_for_ever(log: Database) -> None:
    forever = retention.log_rules(events_keep_s=0, deliveries_keep_s=0)
    assert drive(log.write(retention.sweep, forever)) == 0


def test_one_sweep_is_one_bite(log: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = retention.log_rules(events_keep_s=0, deliveries_keep_s=7 * DAY_S)
    monkeypatch.setattr(retention, "BITE", 50)
    swept = [drive(log.write(retention.sweep, rules)) for _ in range(5)]
    assert swept == [50, 50, 50, 14, 0]


def test_old_deliveries_are_found_by_an_index(log: Database) -> None:
    if not log.is_sqlite:
        pytest.skip("PostgreSQL plans by the size of the tables")
    rule = RULES[0]
    assert rule.past is not None
    found = sa.select(deliveries.c.id).where(rule.past(log.clock.now())).order_by(rule.since).limit(10)
    text = str(found.compile(log.engine, compile_kwargs={"literal_binds": True}))
    plan = drive(log.read(lambda tx: [row[3] for row in tx.execute(sa.text(f"EXPLAIN QUERY PLAN {text}"))]))
    assert not [line for line in plan if line.startswith("SCAN")], plan
