"""What monitoring does when others change something: it looks at once instead of at the next beat."""

from __future__ import annotations

from datetime import timedelta

from staycalm.core.events import Event, Recorded
from staycalm.core.placement import Placement
from staycalm.core.self_events import ClockStepped
from staycalm.domains.catalog.events import FileApplied, PlacementChanged
from staycalm.domains.deployments.events import CandidateReady, DeploymentCompleted, DeploymentRolledBack
from staycalm.domains.monitoring.conditions import queries as conditions
from staycalm.domains.monitoring.sampling.service import forget_after
from staycalm.domains.monitoring.watching import service
from staycalm.kit.database import Tx


def on_catalog_changed(tx: Tx, recorded: Recorded[PlacementChanged] | Recorded[FileApplied]) -> None:
    """What is watched is compared with the catalog and the rules."""
    service.wake_sync(tx)


def on_clock_stepped(tx: Tx, recorded: Recorded[ClockStepped]) -> None:
    """What a clock that was set back would leave unwatched is looked at now, and nothing measured before counts as
    measured in the time that comes once more.
    """
    if recorded.event.step_s < 0:
        longest_s = max(rule.window_s for rule in conditions.all_rules(tx))
        forget_after(tx, tx.now - timedelta(seconds=longest_s))
        service.wake_late(tx)


def on_deployment_moved(
    tx: Tx,
    recorded: Recorded[CandidateReady] | Recorded[DeploymentCompleted] | Recorded[DeploymentRolledBack],
) -> None:
    """What runs in the placement is looked at now."""
    event: Event = recorded.event
    if event.service is not None and event.environment is not None:
        service.wake(tx, Placement(event.service, event.environment))
