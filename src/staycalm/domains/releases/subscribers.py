"""What releases learn from others."""

from __future__ import annotations

from staycalm.core.events import Recorded
from staycalm.domains.deployments.events import DeploymentCompleted
from staycalm.domains.releases import service
from staycalm.kit.database import Tx


def on_deployment_completed(tx: Tx, recorded: Recorded[DeploymentCompleted]) -> None:
    """The release is live in that environment (SOP §2.2 `deployed_to`)."""
    event = recorded.event
    if event.environment is not None:
        service.note_arrival(
            tx, deployment=event.subject, release=event.release, environment=event.environment, at=recorded.at
        )
