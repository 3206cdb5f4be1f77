"""What deployments do when others tell of something."""

from __future__ import annotations

from staycalm.core.events import Recorded
from staycalm.core.self_events import ClockStepped
from staycalm.domains.deployments.changes import wake_all
from staycalm.kit.database import Tx


def on_clock_stepped(tx: Tx, recorded: Recorded[ClockStepped]) -> None:
    """A clock that was set back leaves no placement unwatched until it has caught up."""
    if recorded.event.step_s < 0:
        wake_all(tx)
