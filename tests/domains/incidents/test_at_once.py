"""Several signs at one instant, on PostgreSQL with as many transactions at once: one incident, never two."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from staycalm.core.actor import SYSTEM
from staycalm.core.errors import Conflict
from staycalm.core.events import LogEntry, Recorded, revive
from staycalm.domains.alerts import public as alerts
from staycalm.domains.alerts.events import AlertRaised, AlertResolved
from staycalm.domains.incidents import queries, subscribers
from staycalm.domains.incidents.model import incident_causes
from staycalm.domains.incidents.settings import IncidentsSettings
from staycalm.kit.database import Database, ReadTx, Tx, log
from staycalm.kit.database.tables import metadata
from staycalm.kit.ids import Ids
from tests.conftest import VirtualClock, postgres_url
from tests.domains.incidents.world import fires

SETTINGS = IncidentsSettings()
AT_ONCE = 8


@pytest.fixture
def database(clock: VirtualClock) -> Iterator[Database]:
    import staycalm.app.tables  # noqa: F401 - declares every domain's tables

    server = postgres_url()
    if server is None:
        pytest.skip("SC_TEST_POSTGRES names no server")
    url = sa.make_url(server.replace("postgresql:", "postgresql+psycopg:", 1))
    name = f"incidents_{os.getpid()}"
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    made = Database(server.replace("/postgres?", f"/{name}?"), clock, Ids.seeded(clock, 1), threads=AT_ONCE)
    try:
        metadata.create_all(made.engine)
        yield made
    finally:
        made.close()
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        admin.dispose()


def alert(number: int, priority: str = "P1") -> AlertRaised:
    return AlertRaised(
        subject=f"ALG-{number}", service="shop", environment="production", alert_id=f"alert-{number}", rule="r",
        priority=priority, summary=f"sign {number}", escalates="incident",
    )  # fmt: skip


async def deliver(database: Database, event: AlertRaised) -> None:
    """Handle the event as the dispatcher does: a conflict is tried again."""

    def handle(tx: Tx) -> None:
        subscribers.declare_for_alert(tx, Recorded(1, tx.now, SYSTEM, event), settings=SETTINGS)

    await database.write(fires, event)
    for _ in range(AT_ONCE):
        try:
            return await database.write(handle)
        except Conflict:
            continue
    raise AssertionError("still in conflict")


def all_at_once(database: Database, events: Sequence[AlertRaised]) -> None:
    async def story() -> None:
        waiting: list[Awaitable[None]] = [deliver(database, event) for event in events]
        await asyncio.gather(*waiting)

    asyncio.run(story())


def read(database: Database, query: Callable[..., Any], *args: Any, **named: Any) -> Any:
    async def story() -> Any:
        return await database.read(query, *args, **named)

    return asyncio.run(story())


def causes(tx: ReadTx) -> list[tuple[str, str]]:
    statement = sa.select(incident_causes.c.cause, incident_causes.c.incident).order_by(incident_causes.c.cause)
    return [(row.cause, row.incident) for row in tx.rows(statement)]


@pytest.mark.postgres
def test_different_signs_at_one_instant_open_one_incident(database: Database) -> None:
    all_at_once(database, [alert(number) for number in range(AT_ONCE)])
    (incident,) = read(database, queries.list_incidents, limit=10).items
    assert read(database, causes) == [(f"alert/alert-{n}", incident.id) for n in range(AT_ONCE)]


@pytest.mark.postgres
def test_the_same_sign_at_one_instant_is_one_cause(database: Database) -> None:
    all_at_once(database, [alert(1)] * AT_ONCE)
    (incident,) = read(database, queries.list_incidents, limit=10).items
    assert read(database, causes) == [("alert/alert-1", incident.id)]
    told = [entry.name for entry in read(database, log.about, [incident.id])]
    assert told.count("incidents.declared") == 1 and "incidents.cause_attached" not in told


@pytest.mark.postgres
def test_of_several_that_raise_the_priority_one_does(database: Database) -> None:
    all_at_once(database, [alert(0, "P1")])
    all_at_once(database, [alert(number, "P0") for number in range(1, AT_ONCE)])
    (incident,) = read(database, queries.list_incidents, limit=10).items
    told = [entry.name for entry in read(database, log.about, [incident.id])]
    assert incident.priority == "P0"
    assert told.count("incidents.priority_changed") == 1


@pytest.mark.postgres
def test_an_alert_that_ends_while_it_is_heard_of_is_no_cause_that_fires(database: Database) -> None:
    async def hear_of_it(entry: LogEntry) -> None:
        event = revive(AlertRaised, entry.body, subject=entry.subject, service="shop", environment="production")
        recorded = Recorded(entry.seq, entry.at, SYSTEM, event)
        await database.write(subscribers.declare_for_alert, recorded, settings=SETTINGS)

    async def end_and_hear_of_it(group: str) -> None:
        await database.write(alerts.resolve_alert, SYSTEM, dedup_key="disk", service="shop")
        *_, entry = await database.read(log.about, [group])
        event = revive(AlertResolved, entry.body, subject=group, service="shop", environment="production")
        await database.write(subscribers.note_resolved_alert, Recorded(entry.seq, entry.at, SYSTEM, event))

    async def story() -> None:
        for nth in range(1, 11):
            await database.write(
                alerts.raise_alert, SYSTEM, dedup_key="disk", service="shop", environment="production",
                priority="P0", summary="full", rule="disk",
            )  # fmt: skip
            (raised,) = await database.read(log.about, [f"ALG-{nth}"])
            await asyncio.gather(hear_of_it(raised), end_and_hear_of_it(raised.subject))

    asyncio.run(story())
    fires = sa.select(incident_causes.c.cause).where(incident_causes.c.ended_at.is_(None))
    assert read(database, lambda tx: tx.rows(fires)) == []
