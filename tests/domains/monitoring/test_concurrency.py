"""Two looks at one placement that end at once, on PostgreSQL: one transition, one event."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from staycalm.core.actor import SYSTEM
from staycalm.domains.catalog import public as catalog
from staycalm.domains.catalog.parse import parse_file
from staycalm.domains.catalog.plan import web_managed
from staycalm.domains.catalog.service import apply_file
from staycalm.domains.monitoring.conditions.queries import all_rules
from staycalm.domains.monitoring.conditions.service import evaluate
from staycalm.domains.monitoring.machine import Outcome, OutcomeKind
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.domains.monitoring.watching.service import sync
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database, ReadTx, Tx
from staycalm.kit.database.tables import events
from tests import databases
from tests.domains.monitoring.world import FILE, SHOP

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(databases.SERVER is None, reason="needs PostgreSQL (SC_TEST_POSTGRES)"),
]


def declare_shop(tx: Tx) -> None:
    apply_file(tx, SYSTEM, parse_file(FILE, "staycalm.yaml", web_managed(tx)), (), may_change_people=True)
    sync(tx, all_rules(tx), settings=MonitoringSettings())


def end_look(tx: Tx, kind: OutcomeKind) -> None:
    rules = all_rules(tx)
    seen = [(rule, Outcome(kind, 1.0)) for rule in rules if rule.name == "data-integrity"]
    evaluate(tx, catalog.get_placement(tx, SHOP), seen, rules, settings=MonitoringSettings())


def told(tx: ReadTx) -> list[str]:
    statement = sa.select(events.c.name).where(events.c.name.startswith("monitoring.")).order_by(events.c.seq)
    return [row.name.removeprefix("monitoring.condition_") for row in tx.rows(statement)]


def test_a_condition_fires_and_clears_once_however_many_looks_end_together() -> None:
    async def run(database: Database) -> list[str]:
        await database.write(declare_shop)
        for kind in ("breach", "clear", "breach", "clear"):
            await asyncio.gather(*(database.write(end_look, kind) for _ in range(12)))
        return await database.read(told)

    with databases.opened("postgres", SystemClock(), inline=False) as database:
        assert asyncio.run(run(database)) == ["firing", "cleared"] * 2
