"""What is asked of the outside, and what came of it. Every effect is "set X" and may be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from staycalm.core.placement import Placement
from staycalm.domains.deployments.analysis import Judgement
from staycalm.domains.deployments.decisions import Reaction, Standing
from staycalm.domains.deployments.watching.state import Sources, WatchState
from staycalm.kit.reconcile import Effect
from staycalm.ports.deploy import LogLine, RevisionSpec, RevisionStatus
from staycalm.ports.smoke import SmokeCheck, SmokeResult
from staycalm.ports.traffic import Endpoint, RouteSpec, Slot, Split


@dataclass(frozen=True, kw_only=True)
class StartRevision(Effect):
    """The artifact is where it runs, its digest verified, and the instances are starting."""

    target: str
    spec: RevisionSpec
    only_prepare: bool = False


@dataclass(frozen=True, kw_only=True)
class CheckReady(Effect):
    """One look at a revision that is starting."""

    target: str
    spec: RevisionSpec


@dataclass(frozen=True, kw_only=True)
class RunSmokeTests(Effect):
    """Every check was tried once."""

    checks: tuple[SmokeCheck, ...]


@dataclass(frozen=True, kw_only=True)
class SetSplit(Effect):
    """The split is in force as `generation`, unless one of `reserved` (a rollback) already is.

    `then` is the first look at it, for when the database does not answer any more.
    """

    router: str
    route: RouteSpec
    split: Split
    generation: int
    fence: int
    reserved: tuple[int, ...]
    deadline_s: float
    then: Watch | None = None

    @property
    def placement(self) -> Placement:
        return self.route.placement


@dataclass(frozen=True, kw_only=True)
class SetInstances(Effect):
    """So many instances of each run; the growing side first."""

    target: str
    candidate: RevisionSpec
    candidate_instances: int
    stable: RevisionSpec | None
    stable_instances: int
    weight: float


@dataclass(frozen=True, kw_only=True)
class WayBack(Effect):
    """How to make stable serve everything, at any instant and without the database.

    Exactly one of these: `router` alone (one rename), `removes_route` (there is no stable), `split_to`
    (stable was started again and has no reserved generation), `instances`; or none (nothing was shifted).
    The rename is done only where one of `own` is in force: the reserved generation of a split from before
    this deployment would undo somebody else's. Where an edge cannot tell, `is_open` decides: a split of
    this deployment was confirmed.
    """

    placement: Placement
    router: str | None = None
    own: tuple[int, ...] = ()
    is_open: bool = True
    reserved: tuple[int, ...] = ()
    removes_route: bool = False
    split_to: SetSplit | None = None
    instances: SetInstances | None = None
    stable_target: str | None = None
    stable: RevisionSpec | None = None
    stable_slot: Slot | None = None
    deadline_s: float = 5.0


@dataclass(frozen=True, kw_only=True)
class Watch(Effect):
    """One look at candidate and stable; stable serves everything at once when the look says so.

    `done` is a look that went back already and only waits for the database to learn it. `follows` is the split it
    looks at, if that could not be committed before.
    """

    deployment: str
    sources: Sources
    state: WatchState
    standing: Standing
    back: WayBack
    pause_s: float
    done: Looked | None = None
    follows: tuple[SetSplit, SplitSet] | None = None


@dataclass(frozen=True, kw_only=True)
class Inspect(Effect):
    """What should serve and run does; what does not is set again. `running`: (target, spec), stable first."""

    placement: Placement
    split_to: SetSplit | None
    running: tuple[tuple[str, RevisionSpec], ...]


@dataclass(frozen=True, kw_only=True)
class StopRevision(Effect):
    """No instance runs, after requests in flight ended; the last log lines were read."""

    placement: Placement
    router: str | None
    slot: Slot
    target: str
    spec: RevisionSpec
    reason: str
    drain_s: float


@dataclass(frozen=True, kw_only=True)
class RemoveRevision(Effect):
    """Nothing of the revision is left outside."""

    target: str
    spec: RevisionSpec


@dataclass(frozen=True, slots=True)
class SplitSet:
    """Confirmed at every edge after `took_s`."""

    took_s: float


@dataclass(frozen=True, slots=True)
class Adopted:
    """A reserved rollback generation was found in force; every edge follows it now."""

    generation: int


@dataclass(frozen=True, slots=True)
class Behind:
    """The proxy has a newer generation than the database ever gave out (a restored backup, another writer)."""

    generation: int


@dataclass(frozen=True, slots=True)
class SentBack:
    """Stable serves everything. `generation` is the one now in force, None when nothing had to be changed."""

    took_s: float
    generation: int | None
    stable_is_healthy: bool


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look saw and did. `sent_back` is set when stable serves everything again.

    `back_problem`: going back was tried and not confirmed. `stable_moved_to`: where stable listens now, if that is
    elsewhere than its route says.
    """

    at: datetime
    state: WatchState
    verdict: str
    reason: str
    told: Judgement | None
    trigger: str | None
    reaction: Reaction
    decided_at: datetime | None = None
    sent_back: SentBack | None = None
    back_problem: str | None = None
    has_drifted: bool = False
    stable_moved_to: tuple[Endpoint, ...] = ()

    def evidence(self) -> dict[str, Any]:
        """Return everything the reaction rests on, as JSON values; empty for an adopted rollback."""
        found = self.told.as_evidence() if self.told is not None else {}
        if self.trigger is not None:
            found["trigger"] = self.trigger
        problems = [text for text in (self.state.metrics.problem, self.state.business.problem) if text]
        return {**found, "problems": problems} if problems else found


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was found and mended. `adopted` is a reserved generation in force that nobody here knew of."""

    problem: str | None = None
    is_mended: bool = False
    adopted: int | None = None
    statuses: tuple[RevisionStatus, ...] = ()
    is_confirmed: bool = False
    behind: int | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """The revision does not run; its last lines."""

    log_lines: tuple[LogLine, ...]


Outcome = (
    RevisionStatus
    | tuple[SmokeResult, ...]
    | SplitSet
    | Adopted
    | Behind
    | SentBack
    | Looked
    | Inspected
    | Stopped
    | None
)
