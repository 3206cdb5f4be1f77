"""Many transactions at one instant on PostgreSQL: a page leaves once, a step is taken once, an answer wins."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, time, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

import staycalm.app.tables  # noqa: F401 - declares every domain's tables
from staycalm.core.actor import SYSTEM
from staycalm.core.errors import StayCalmError
from staycalm.core.events import Recorded, revive
from staycalm.domains.accounts.public import invite
from staycalm.domains.oncall import public as oncall
from staycalm.domains.oncall.contacts.service import add_method
from staycalm.domains.oncall.events import NotificationFailed
from staycalm.domains.oncall.notifications.model import notifications
from staycalm.domains.oncall.policies.decisions import Policy, Step, Target
from staycalm.domains.oncall.policies.service import put_policy
from staycalm.domains.oncall.reconcile import reconcilers
from staycalm.domains.oncall.schedules.decisions import Rotation, Schedule
from staycalm.domains.oncall.schedules.model import schedules
from staycalm.domains.oncall.schedules.service import add_override, put_schedule, refresh
from staycalm.domains.oncall.subscribers import hurry_when_nobody_was_reached
from staycalm.kit.database import Database, Tx, log
from staycalm.kit.database.tables import metadata
from staycalm.kit.ids import Ids
from staycalm.ports.errors import Rejected
from tests.conftest import VirtualClock, postgres_url
from tests.domains.oncall.world import ALICE
from tests.scenarios.fakes.channel import FakeChannel

pytestmark = pytest.mark.postgres
AT_ONCE = 8
POLICY = Policy("p", tuple(Step((Target("person", who),), 60.0) for who in ("alice", "bob")), rounds=9)


@pytest.fixture
def database(clock: VirtualClock) -> Iterator[Database]:
    """An empty database of its own on the test server."""
    server = postgres_url()
    if server is None:
        pytest.skip("SC_TEST_POSTGRES names no server")
    name = f"oncall_{os.getpid()}"
    url = sa.make_url(server.replace("postgresql:", "postgresql+psycopg:", 1))
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    made = Database(server.replace("/postgres?", f"/{name}?"), clock, Ids.seeded(clock, 1), threads=AT_ONCE)
    try:
        metadata.create_all(made.engine)
        asyncio.run(made.write(prepare))
        yield made
    finally:
        made.close()
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        admin.dispose()


def prepare(tx: Tx) -> None:
    for who in ("alice", "bob"):
        invite(
            tx,
            SYSTEM,
            handle=who,
            name=who,
            email=f"{who}@example.com",
            roles=(),
            time_zone="UTC",
            managed_by="web",
        )
    put_policy(tx, SYSTEM, POLICY, managed_by="file")


def start(tx: Tx) -> None:
    oncall.start_escalation(
        tx, SYSTEM, subject="INC-1", policy="p", service=None, environment=None, priority="P0", title="down",
        url_path="/incidents/INC-1",
    )  # fmt: skip


def at_once(database: Database, *jobs: tuple[Any, ...]) -> list[Any]:
    """Run the jobs as transactions at one instant; a refusal in words counts as an answer."""

    async def one(use_case: Callable[..., Any], *args: Any) -> Any:
        try:
            return await database.write(use_case, *args)
        except StayCalmError as error:
            return error

    async def story() -> list[Any]:
        return list(await asyncio.gather(*(one(*job) for job in jobs)))

    return asyncio.run(story())


def told(database: Database, name: str) -> int:
    entries = asyncio.run(database.read(log.about, ["INC-1"]))
    return sum(entry.name == f"oncall.{name}" for entry in entries)


def states(database: Database) -> Counter[tuple[str, str]]:
    rows = asyncio.run(database.read(lambda tx: tx.rows(sa.select(notifications.c.person, notifications.c.state))))
    return Counter((row.person, row.state) for row in rows)


def test_one_subject_is_escalated_once(database: Database) -> None:
    at_once(database, *[(start,)] * AT_ONCE)
    assert told(database, "escalation_started") == 1
    assert states(database) == {("alice", "pending"): 1}


def test_one_step_is_taken_once(database: Database, clock: VirtualClock) -> None:
    steps = reconcilers({}, oncall.OncallSettings(), "https://calm.example")[0]
    at_once(database, (start,))
    for round_ in range(1, 6):
        clock.advance(seconds=60)
        (id,) = asyncio.run(database.read(steps.due, 10))
        at_once(database, *[(steps.plan, id)] * AT_ONCE)
        assert told(database, "step_reached") == round_ + 1


def test_one_message_is_claimed_once(database: Database) -> None:
    sending = reconcilers({"email": FakeChannel("email")}, oncall.OncallSettings(), "https://calm.example")[1]
    at_once(database, (start,))
    (id,) = asyncio.run(database.read(sending.due, 10))
    effects = at_once(database, *[(sending.plan, id)] * AT_ONCE)
    assert sum(effect is not None for effect in effects) == 1


def test_after_an_answer_nothing_waits_to_leave_whoever_was_first(database: Database, clock: VirtualClock) -> None:
    steps = reconcilers({}, oncall.OncallSettings(), "https://calm.example")[0]
    for _ in range(10):
        at_once(database, (start,))
        clock.advance(seconds=60)
        (id,) = asyncio.run(database.read(steps.due, 10))
        at_once(database, (steps.plan, id), (oncall.acknowledge, ALICE, "INC-1"), (steps.plan, id))
        assert {state for _, state in states(database)} == {"cancelled"}
        at_once(database, (oncall.stop_escalation, ALICE, "INC-1", "next round"))


def test_who_cannot_be_reached_by_two_ways_that_fail_at_one_instant_is_not_waited_for(database: Database) -> None:
    sending = reconcilers({}, oncall.OncallSettings(), "https://calm.example")[1]
    for kind, address in (("email", "alice@example.com"), ("ntfy", "https://ntfy.example/alice")):
        at_once(database, (partial(add_method, person="alice", kind=kind, address=address), ALICE))
    for _ in range(5):
        at_once(database, (start,))
        ids = asyncio.run(database.read(sending.due, 10))
        effects = at_once(database, *[(sending.plan, id) for id in ids])
        failed = [(sending.settle, id, each, Rejected("gone")) for id, each in zip(ids, effects, strict=True)]
        at_once(database, *failed)
        for entry in asyncio.run(database.read(log.about, ["INC-1"])):
            if entry.name == NotificationFailed.name:
                event = revive(NotificationFailed, entry.body, subject=entry.subject)
                at_once(database, (hurry_when_nobody_was_reached, Recorded(entry.seq, entry.at, SYSTEM, event)))
        found = asyncio.run(database.read(oncall.find_open_escalation, "INC-1"))
        assert found is not None and found.due_at == database.clock.now()
        at_once(database, (oncall.stop_escalation, ALICE, "INC-1", "next round"))


def test_an_override_that_is_added_as_a_shift_begins_is_in_force_and_ends_in_time(
    database: Database, clock: VirtualClock
) -> None:
    rotation = Rotation(("alice",), "week", time(9), date(2026, 3, 2))
    at_once(database, (partial(put_schedule, managed_by="file"), SYSTEM, Schedule("s", "UTC", rotation)))
    until = clock.now() + timedelta(hours=1)

    def override(tx: Tx) -> None:
        add_override(tx, ALICE, schedule="s", role="primary", person="bob", starts_at=None, ends_at=until)
        is_shown.set()
        assert wait_until_somebody_waits_for_a_lock(database)

    is_shown = threading.Event()

    def shift(tx: Tx) -> None:
        assert is_shown.wait(10)
        refresh(tx, "s")

    assert at_once(database, (override,), (shift,)) == [None, None]
    row = asyncio.run(database.read(lambda tx: tx.one_or_none(sa.select(schedules))))
    assert (row.primary_now, row.due_at) == ("bob", until)


def wait_until_somebody_waits_for_a_lock(database: Database) -> bool:
    waiting = sa.text(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(1000):
        with database.engine.connect() as connection:
            if connection.execute(waiting).first() is not None:
                return True
            connection.execute(sa.text("SELECT pg_sleep(0.01)"))
    return False
