"""What this process remembers of its looks, so that one that changes nothing costs one narrow read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from staycalm.domains.deployments.reconcile.due import glance
from staycalm.domains.deployments.reconcile.effects import (
    Watch,
)
from staycalm.domains.deployments.records import (
    Glance,
)
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.domains.deployments.watching.state import WatchState
from staycalm.kit.database import Tx


@dataclass
class Memory:
    """The newest watch state of this process by deployment: a cache of what the database has, or will have.

    It counts only while its `version` is the stored one; another process, or a restart, goes on from the row.
    """

    states: dict[str, WatchState] = field(default_factory=dict)
    looks: dict[str, tuple[Glance, Watch, datetime]] = field(default_factory=dict)


def plan_again(tx: Tx, placement: str, settings: DeploymentsSettings, memory: Memory) -> Watch | None:
    """Return the look that was planned last, when nothing was changed since; else None.

    Most steps of a rollout are looks that change nothing; this makes them one narrow read.
    """
    known = memory.looks.get(placement)
    if known is None:
        return None
    before, effect, since = known
    here = glance(tx, placement)
    state = memory.states.get(effect.deployment)
    if here is None or state is None or state.version != here.look_version or since > tx.now:
        return None
    if replace(here, look_version=before.look_version) != before:
        return None
    if here.deadline_at is not None and tx.now >= here.deadline_at:
        return None
    return replace(effect, state=state, pause_s=pause_s((tx.now - since).total_seconds(), settings))


def is_unchanged(tx: Tx, placement: str, memory: Memory) -> bool:
    """Return whether the rollout still stands where its last look was planned."""
    known = memory.looks.get(placement)
    here = glance(tx, placement)
    return known is not None and here is not None and replace(here, look_version=known[0].look_version) == known[0]


def pause_s(since_s: float, settings: DeploymentsSettings) -> float:
    """Return the time to the next look: quick at the start of a step (delivery.md "States")."""
    return settings.poll_fast_s if since_s < settings.poll_fast_for_s else settings.poll_s
