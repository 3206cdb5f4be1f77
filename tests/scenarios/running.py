"""Server processes in simulation: they crash at any commit, hang in the middle of an effect, and interleave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from types import coroutine
from typing import Any, Literal

import sqlalchemy as sa

from staycalm.app import heartbeats, wiring
from staycalm.app.settings import Settings
from staycalm.core.actor import SYSTEM
from staycalm.core.self_events import ClockStepped
from staycalm.domains.oncall import public as oncall
from staycalm.engine.loop import Engine
from staycalm.engine.runner import TAKEN_PAUSE_S
from staycalm.kit.clock import Clock
from staycalm.kit.database import Database
from staycalm.kit.database.tables import metadata
from staycalm.kit.ids import Ids
from staycalm.kit.reconcile import AnyReconciler, Effect
from staycalm.kit.subscriptions import Subscriptions
from staycalm.ports.errors import Unconfirmed
from tests.conftest import drive
from tests.scenarios.outside import Fakes

PUBLIC_URL = "https://calm.example"
LONGEST_SLEEP_S = 86400.0
IN_OTHER_HANDS_S = 2.0
"""How long a process leaves alone what another one has, shorter than a lease; the product looks after 100 ms."""
KEEP_EVERY = timedelta(seconds=2)
Moment = Literal["before", "after"]


class Crash(BaseException):
    """The process is gone; nothing after this instruction has happened."""


_ENGINES: list[sa.Engine] = []


@cache
def _empty() -> sa.Engine:
    """Return a database in which every table is, and nothing in them."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    metadata.create_all(engine)
    return engine


def _emptied(engine: sa.Engine) -> sa.Engine:
    """Return the engine, its database as it was made."""
    with _empty().connect() as empty, engine.connect() as used:
        source: Any = empty.connection.dbapi_connection
        source.backup(used.connection.dbapi_connection)
    return engine


class CrashingDatabase(Database):
    """A database whose client process can be told to die just before, or just after, one of its commits.

    Dying before a plan's commit, after it, before a settle's commit and after it are all the places where
    a process can die, as far as anybody else can see. `writes` counts transactions, `told` events by name.
    """

    writes = 0
    told: Counter[str]
    dies_at: dict[int, Moment]

    def __init__(self, clock: Clock, ids: Ids) -> None:
        super().__init__("sqlite://", clock, ids, inline=True)
        self.engine = self._read_engine = _emptied(_ENGINES.pop() if _ENGINES else self.engine)
        self.dies_at = {}
        self.told = Counter()
        self.commit_listeners.append(self._count)

    def close(self) -> None:
        """Nothing is left but the engine, which knows every statement compiled: a fifth of a short week."""
        _ENGINES.append(self.engine)

    def _count(self, emitted: Sequence[Any]) -> None:
        self.told.update(each.event.name for each in emitted)

    async def write(self, use_case: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
        self.writes += 1
        moment = self.dies_at.pop(self.writes, None)
        if moment == "before":
            raise Crash
        answer = await super().write(use_case, *args, **named)
        if moment == "after":
            raise Crash
        return answer

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """No transaction succeeds inside the block, as on a full disk."""

        def refuse(*_: object) -> None:
            raise sa.exc.OperationalError("BEGIN", None, Exception("database or disk is full"))

        sa.event.listen(self.engine, "begin", refuse)
        try:
            yield
        finally:
            sa.event.remove(self.engine, "begin", refuse)


@coroutine
def breathe(seconds: float = 0.0) -> Iterator[float]:
    """Let others go on here, and come back after so long."""
    yield seconds


@dataclass
class Hanging:
    """An effect whose answer comes at `until`, if at all."""

    coroutine: Coroutine[Any, Any, None]
    until: datetime


class Process:
    """One server process: an engine with everything that wiring gives it, and nothing of its own that lasts.

    With `is_slow` every effect takes a while, so that others act between plan, effect and settle.
    """

    def __init__(
        self, database: CrashingDatabase, outside: Fakes, settings: Settings, *, name: str, is_slow: bool
    ) -> None:
        self.name = name
        self.hanging: list[Hanging] = []
        self.effects_s: dict[str, float] = {}
        self.took_part = 0
        self._database, self._outside, self._is_slow = database, outside, is_slow
        self._subscriptions = Subscriptions(wiring.subscriptions(settings))
        reconcilers = wiring.reconcilers(settings, outside, PUBLIC_URL, outside.host)  # type: ignore[arg-type]
        self.engine = Engine(
            database,
            self._subscriptions,
            [self._watched(each) for each in reconcilers],
            holder=name,
            uses_leases=is_slow,
            spawn=self._go_on,
            pause=breathe,
        )
        self.engine.longest_sleep_s = LONGEST_SLEEP_S
        self._upcoming = self._kept_at = database.clock.now()
        database.subscriptions = self._subscriptions
        drive(database.write(oncall.record_server, channels=outside.channels, settings=settings.oncall))
        step_s = drive(database.read(heartbeats.find_step_back))
        if step_s is not None:
            drive(database.write(lambda tx: tx.emit(SYSTEM, ClockStepped(subject=name, step_s=step_s))))
        drive(self.engine.back_fill())

    def turn(self) -> bool:
        """Return whether this process did anything: delivered, planned, or went on with something that hung."""
        before = self.took_part
        now = self._database.clock.now()
        for each in [h for h in self.hanging if h.until <= now]:
            self.hanging.remove(each)
            self._go_on(each.coroutine)
            self.took_part += 1
        delay_s = drive(self.engine.turn())
        did = before != self.took_part or (delay_s == 0.0 and not self._is_slow)
        if not did and delay_s <= TAKEN_PAUSE_S:
            delay_s = IN_OTHER_HANDS_S
        self._upcoming = self._database.clock.now() + timedelta(seconds=delay_s)
        return did

    def wait_on(self, step: timedelta) -> None:
        """What hangs hangs as long as it would have: it is no wall clock that ends it."""
        for each in self.hanging:
            each.until += step

    def keep_leases(self) -> None:
        """What the keeper task does, here half as often: every half of a lease."""
        now = self._database.clock.now()
        if self._is_slow and self.hanging and abs(now - self._kept_at) >= KEEP_EVERY:
            self._kept_at = now
            drive(self._database.write(self.engine._renew_leases))

    def next_due(self) -> datetime:
        """Return when this process has something to do, as it said at its last turn."""
        return min((self._upcoming, *(h.until for h in self.hanging)))

    def _watched(self, reconciler: AnyReconciler) -> AnyReconciler:
        def plan(tx: Any, id: str) -> Any:
            self.took_part += 1
            return reconciler.plan(tx, id)

        async def perform(effect: Effect) -> Any:
            hangs_s = self.effects_s.get(reconciler.name, 0.0)
            if self._is_slow or hangs_s:
                await breathe(hangs_s)
            if hangs_s:
                raise Unconfirmed(f"no answer within {hangs_s:g} s")
            outcome = await reconciler.perform(effect)
            if self._is_slow:
                await breathe()
            return outcome

        return replace(reconciler, plan=plan, perform=perform)

    def _go_on(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            pause_s: Any = coroutine.send(None)
        except StopIteration:
            return
        except Crash:
            coroutine.close()
            raise
        until = self._database.clock.now() + timedelta(seconds=pause_s)
        self.hanging.append(Hanging(coroutine, until))

    def abandon(self) -> None:
        """The process is gone; what hung never goes on."""
        self._database.commit_listeners[:] = [
            each for each in self._database.commit_listeners if each != self.engine._on_commit
        ]
        for each in self.hanging:
            _forget(each.coroutine)
        self.hanging.clear()


def _forget(coroutine: Coroutine[Any, Any, None]) -> None:
    try:
        coroutine.close()
    except BaseException:  # noqa: BLE001 - a dead process tells nothing
        return
