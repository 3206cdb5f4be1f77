"""Several processes at once on PostgreSQL: the constraint decides, and everybody gets an answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from staycalm.core.actor import SYSTEM
from staycalm.domains.alerts import queries, service
from staycalm.domains.alerts.decisions import Report
from staycalm.domains.alerts.events import AlertRaised, AlertResolved
from staycalm.domains.alerts.intake.service import Taken, Told, take
from staycalm.domains.alerts.model import alert_groups, alerts
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database, ReadTx
from staycalm.kit.database.tables import events
from staycalm.kit.ids import Ids
from tests import databases
from tests.conftest import drive
from tests.domains.alerts.world import ALICE

SETTINGS = AlertsSettings()
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(databases.SERVER is None, reason="needs PostgreSQL (SC_TEST_POSTGRES)"),
]


def told(key: str, **more: Any) -> Told:
    return Told(ALICE, Report(**{"dedup_key": key, "summary": "full", "service": "shop", "rule": "disk"} | more))


def counted(tx: ReadTx) -> dict[str, int]:
    def many(statement: sa.Select[Any]) -> int:
        return int(tx.scalar(statement))

    count = sa.select(sa.func.count())
    return {
        "open": many(count.select_from(alerts).where(alerts.c.dedup_key.isnot(None))),
        "groups": many(count.select_from(alert_groups).where(alert_groups.c.open_key.isnot(None))),
        "raised": many(count.select_from(events).where(events.c.name == AlertRaised.name)),
        "resolved": many(count.select_from(events).where(events.c.name == AlertResolved.name)),
    }


async def at_once(database: Database, batches: list[list[Told]]) -> None:
    await asyncio.gather(*(database.write(take, batch, settings=SETTINGS) for batch in batches))


def test_the_same_condition_told_by_everybody_at_once_is_one_alert_in_one_group() -> None:
    async def run(database: Database) -> dict[str, int]:
        await at_once(database, [[told("disk"), told(f"own-{n}")] for n in range(16)])
        return await database.read(counted)

    with databases.opened("postgres", SystemClock(), inline=False) as database:
        assert asyncio.run(run(database)) == {"open": 17, "groups": 1, "raised": 1, "resolved": 0}


def test_the_last_of_many_that_end_at_once_closes_the_group_once() -> None:
    async def run(database: Database) -> dict[str, int]:
        await database.write(take, [told(f"own-{n}") for n in range(16)], settings=SETTINGS)
        await at_once(database, [[told(f"own-{n}", status="resolved")] for n in range(16)])
        return await database.read(counted)

    with databases.opened("postgres", SystemClock(), inline=False) as database:
        assert asyncio.run(run(database)) == {"open": 0, "groups": 0, "raised": 1, "resolved": 1}


def test_an_alert_that_comes_while_its_group_closes_has_an_open_group() -> None:
    async def run(database: Database) -> None:
        for turn in range(10):
            await database.write(take, [told("old")], settings=SETTINGS)
            await at_once(database, [[told("old", status="resolved")], [told(f"new-{turn}")]])
            found = await database.read(queries_of_orphans)
            assert found == 0
            await database.write(service.resolve_alert, SYSTEM, dedup_key=f"new-{turn}", service="shop")

    with databases.opened("postgres", SystemClock(), inline=False) as database:
        asyncio.run(run(database))


def queries_of_orphans(tx: ReadTx) -> int:
    """Return how many open alerts belong to a closed group."""
    statement = (
        sa.select(sa.func.count())
        .select_from(alerts.join(alert_groups, alerts.c.group_id == alert_groups.c.id))
        .where(alerts.c.dedup_key.isnot(None), alert_groups.c.open_key.is_(None))
    )
    return int(tx.scalar(statement))


def test_an_alert_whose_key_is_taken_and_given_back_meanwhile_is_open() -> None:
    """Three senders: another environment's alert has the key between this one's two looks, and ends."""
    with databases.opened("postgres", SystemClock()) as database:
        other = Database(database.url, SystemClock(), Ids.seeded(SystemClock(), 2), inline=True)

        def tell(which: Database, *batch: Told) -> list[Taken]:
            taken: list[Taken] = drive(which.write(take, batch, settings=SETTINGS))
            return taken

        places = ("staging", "production")
        tell(database, *(told(f"own-{place}", environment=place) for place in places))

        meanwhile = [told("disk", environment="staging"), told("disk", status="resolved")]

        def meddle(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if statement.startswith("INSERT INTO alerts ") and meanwhile:
                tell(other, meanwhile.pop(0))

        for moment in ("before_cursor_execute", "after_cursor_execute"):
            sa.event.listen(database.engine, moment, meddle)
        (taken,) = tell(database, told("disk", environment="production"))
        other.close()
        found = drive(database.read(queries.find_open, "shop", "disk"))
        assert found is not None and (found.id, found.environment) == (taken.alert_id, "production")
        assert taken.action == "open"
