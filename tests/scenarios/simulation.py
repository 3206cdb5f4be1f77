"""Servers on a virtual clock: time that passes from due time to due time, and the trouble they are in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import staycalm.app.tables  # noqa: F401 - declares every domain's tables
from staycalm.app.settings import Settings
from staycalm.core.actor import SYSTEM
from staycalm.core.errors import Unavailable
from staycalm.core.self_events import ClockStepped
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.kit.ids import Ids
from tests.conftest import drive
from tests.scenarios.answering import Answering
from tests.scenarios.history import History
from tests.scenarios.invariants import Checker
from tests.scenarios.outside import SteppedClock, make_outside
from tests.scenarios.running import Crash, CrashingDatabase, Process

QUICK = DeploymentsSettings(poll_fast_s=1.0, poll_s=5.0, save_every_s=10.0)
SLOW = Settings(
    monitoring=MonitoringSettings(
        traffic_interval_s=300.0,
        instances_interval_s=300.0,
        query_interval_s=600.0,
        report_interval_s=86400.0,
        keep_samples_s=3600.0,
    )
)
SMALLEST = timedelta(milliseconds=100)


class Complaints(logging.Handler):
    """Keeps every error that the product logs: in a scenario nobody expects one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        trouble = f": {record.exc_info[1]!r}" if record.exc_info else ""
        self.said.append(f"{record.getMessage()}{trouble}")


class Simulation(History):
    """One database and the server processes that share it. Instants are `clock.now()`, times in seconds."""

    def __init__(
        self,
        *,
        seed: int = 2,
        deployments: DeploymentsSettings = QUICK,
        settings: Settings | None = None,
        start: datetime | None = None,
        is_slow: bool = False,
    ) -> None:
        self.clock = SteppedClock(start) if start is not None else SteppedClock()
        self.settings = replace(settings or Settings(), deployments=deployments)
        super().__init__(CrashingDatabase(self.clock, Ids.seeded(self.clock, seed)))
        self.outside = make_outside(self.clock, seed=seed)
        self.answering = Answering(self.database, self.outside, self.clock)
        self.complaints = Complaints()
        logging.getLogger("staycalm").addHandler(self.complaints)
        self._is_cut_off = False
        self.crashes = 0
        self._is_slow = is_slow
        self.processes = [self._process("one")]
        self.checker = Checker(self)

    # Requests

    def write(self, use_case: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """A person's request: tried again by the person as often as the server dies under it."""
        while True:
            try:
                return drive(self.database.write(use_case, *args, **named))
            except Crash:
                self._restart(self.processes[0])

    # Time

    def settle(self) -> None:
        """Everything that is due now is done, and the invariants hold."""
        for _ in range(10_000):
            self._is_cut_off = False
            did = [self._turn(process) for process in list(self.processes)]
            self.answering.note_pages()
            self.checker.look()
            if not any(did):
                return
        raise AssertionError("the engine is busy for ever at one instant")

    def _turn(self, process: Process) -> bool:
        try:
            return process.turn()
        except Crash:
            self._restart(process)
            return True
        except Unavailable:
            self._is_cut_off = True
            for runner in process.engine.runners:
                runner.start_carried()
            return False

    def fast_forward(self, **parts: float) -> None:
        """Time passes, from due time to due time."""
        self.until(None, **parts)

    def until(self, reached: Callable[[], bool] | None, **parts: float) -> None:
        """Time passes until `reached` is true, which it has to be within this time."""
        end = self.clock.now() + timedelta(**parts)
        self.settle()
        while not (reached is not None and reached()) and self.clock.now() < end:
            self._move_on(end)
            self.answering.press_buttons()
            self.settle()
        if reached is not None:
            assert reached(), "it was not reached in time\n" + self.story(40)

    def _move_on(self, end: datetime) -> None:
        now = self.clock.now()
        due = [process.next_due() for process in self.processes]
        due += self.answering.due()
        if self._is_cut_off:
            due.append(now + timedelta(milliseconds=250))
        soonest = min(due, default=end)
        if soonest <= now:
            # It is due and in other hands: a lease, or a message whose answer hangs.
            soonest = now + SMALLEST
        self.clock.move_to(min(end, soonest))
        for process in list(self.processes):
            try:
                process.keep_leases()
            except Crash:
                self._restart(process)

    # Trouble

    def crash(self) -> None:
        """The server is gone in this instant and started again."""
        self._restart(self.processes[0])
        self.settle()

    def crash_at_write(self, number: int, moment: Any = "after") -> None:
        """The server dies at its `number`-th transaction from now."""
        self.database.dies_at[self.database.writes + number] = moment

    def _restart(self, process: Process) -> None:
        self.crashes += 1
        process.abandon()
        place = self.processes.index(process)
        # What is left of the old process's leases ends by itself; a restarted one has another name.
        self.processes[place] = self._process(f"{process.name.partition('-')[0]}-{self.crashes}")

    def second_engine(self) -> Process:
        """Another server process shares the work."""
        self.processes.append(self._process("two"))
        return self.processes[-1]

    def _process(self, name: str) -> Process:
        for _ in range(100):
            try:
                return Process(self.database, self.outside, self.settings, name=name, is_slow=self._is_slow)
            except Crash:
                continue
        raise AssertionError("the server dies at every start")

    @contextmanager
    def database_refusing(self) -> Iterator[None]:
        """Nothing can be committed inside the block."""
        with self.database.refusing(), self.checker.resting():
            yield

    def step_clock(self, seconds: float) -> None:
        """The wall clock is set, and the self-watch has seen it."""
        self.clock.step(seconds)
        self.checker.excuse()
        for process in self.processes:
            process.wait_on(timedelta(seconds=seconds))
        self.tell_of_step(seconds)

    def tell_of_step(self, seconds: float) -> None:
        """A server's self-watch tells that the wall clock was set."""
        event = ClockStepped(subject=self.processes[0].name, step_s=seconds)
        self.write(lambda tx: tx.emit(SYSTEM, event))
        self.settle()

    def close(self) -> None:
        """The last look was taken, and nothing is left."""
        try:
            self.checker.at_the_end()
        finally:
            logging.getLogger("staycalm").removeHandler(self.complaints)
            self.database.close()
