"""The machine's clock is set by an hour: time as the product sees it goes on, and the step is told once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from staycalm.kit.clock import STEP_LIMIT_S, SystemClock


@dataclass
class Machine:
    """A machine whose wall clock can be set; the time since its start cannot."""

    wall: datetime = datetime(2026, 3, 2, 9, tzinfo=UTC)
    boot_s: float = 1000.0

    def passes(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.boot_s += seconds

    def clock(self) -> SystemClock:
        return SystemClock(wall=lambda: self.wall, boot_s=lambda: self.boot_s)


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0, -1.5, 1.5])
def test_a_step_moves_no_due_time_until_it_is_told_and_is_followed_then(step_s: float) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.passes(60)
    before = clock.now()
    machine.wall += timedelta(seconds=step_s)
    machine.passes(1)
    assert clock.now() == before + timedelta(seconds=1)
    assert clock.follow_step() == pytest.approx(step_s)
    assert clock.now() == machine.wall
    assert clock.follow_step() is None


def test_a_clock_that_is_only_corrected_is_not_told() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall += timedelta(seconds=STEP_LIMIT_S / 2)
    assert clock.follow_step() is None


def test_seconds_since_the_start_never_go_back() -> None:
    machine = Machine()
    clock = machine.clock()
    before = clock.monotonic()
    machine.wall -= timedelta(hours=1)
    clock.follow_step()
    machine.passes(1)
    assert clock.monotonic() == before + 1
