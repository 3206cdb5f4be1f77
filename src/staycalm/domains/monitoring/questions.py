"""What monitoring has to ask of domains above it. Filled in `app/wiring.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from staycalm.core.placement import Placement
from staycalm.ports.deploy import RevisionSpec
from staycalm.ports.traffic import Slot

if TYPE_CHECKING:
    from staycalm.kit.database import ReadTx


@dataclass(frozen=True, slots=True)
class RunningRevision:
    """A revision that is meant to run now. `is_stable`: it serves, and its absence is an outage."""

    spec: RevisionSpec
    slot: Slot | None
    is_stable: bool


class Deployed(Protocol):
    """Which revisions are meant to run in a placement? Answered by `deployments`."""

    def __call__(self, tx: ReadTx, placement: Placement, /) -> tuple[RunningRevision, ...]:
        """Return stable and candidate, those there are; empty when nothing has been deployed yet."""
        ...


def nothing_deployed(_tx: ReadTx, _placement: Placement, /) -> tuple[RunningRevision, ...]:
    """Return what is true before there are deployments."""
    return ()
