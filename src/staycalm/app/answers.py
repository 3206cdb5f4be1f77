"""What an upper domain answers when a lower one asks."""

from __future__ import annotations

from staycalm.core.placement import Placement
from staycalm.domains.deployments import public as deployments
from staycalm.domains.monitoring.questions import RunningRevision
from staycalm.kit.database import ReadTx


def deployed(tx: ReadTx, placement: Placement, /) -> tuple[RunningRevision, ...]:
    """Return the revisions that are meant to run in the placement: stable, and a candidate that is ready."""
    return tuple(
        RunningRevision(revision.spec, revision.slot, is_stable)
        for revision, is_stable in deployments.list_meant_to_run(tx, placement)
    )
