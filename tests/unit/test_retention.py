"""Old rows go in bites, the oldest first; what is not over stays; nothing is read through to find them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from staycalm.app import wiring
from staycalm.app.settings import Settings
from staycalm.core.actor import SYSTEM
from staycalm.core.self_events import ClockStepped
from staycalm.kit.database import Database, ReadTx, Tx, retention
from staycalm.kit.database.tables import deliveries, events
from tests import databases
from tests.conftest import VirtualClock, drive

DAY_S = 86400.0
ONCALL = ("oncall_notifications", "oncall_escalations", "oncall_links")
LITERALLY = {"compile_kwargs": {"literal_binds": True}}
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


LONG = [RULES[0], *(rule for rule in wiring.retention_rules(Settings()) if rule.table.name in ONCALL)]


@pytest.mark.parametrize("rule", LONG, ids=lambda rule: str(rule.table.name))
def test_what_is_old_is_found_by_an_index_and_in_its_order(rule: retention.Rule) -> None:
    with databases.opened("sqlite", VirtualClock()) as database:
        key, now = next(iter(rule.table.primary_key)), database.clock.now()
        past = rule.past(now) if rule.past is not None else rule.since < now
        found = sa.select(key).where(past, rule.when if rule.when is not None else sa.true())
        asked = found.order_by(rule.since).limit(10).compile(database.engine, **LITERALLY)
        plan = drive(database.read(lambda tx: tx.execute(sa.text(f"EXPLAIN QUERY PLAN {asked}")).all()))
    assert not [row for row in plan if row[3].startswith(("SCAN", "USE TEMP"))], plan
