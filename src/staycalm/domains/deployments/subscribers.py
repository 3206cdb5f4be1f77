"""What deployments do when others tell of something."""

from __future__ import annotations

from datetime import timedelta

from staycalm.core.events import Recorded
from staycalm.core.self_events import ClockStepped
from staycalm.domains.deployments.changes import keep_to_clock, move_on, wake_all
from staycalm.domains.deployments.queries import list_running
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.kit.database import Tx


def on_clock_stepped(tx: Tx, recorded: Recorded[ClockStepped], *, settings: DeploymentsSettings) -> None:
    """No rollout's stage or deadline is over sooner or later than it would have been, and all is looked at now.

    Several servers may tell of the same step: what is moved forward twice lies ahead of now, and is moved back.
    """
    step_s = recorded.event.step_s
    for d in list_running(tx):
        if step_s > 0:
            d = move_on(tx, d, timedelta(seconds=step_s))
        keep_to_clock(tx, d, settings)
    wake_all(tx)
