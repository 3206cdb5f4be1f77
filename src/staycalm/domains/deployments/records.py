"""The rows of this domain as frozen values, and the values that are stored inside them as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from staycalm.core.actor import Actor
from staycalm.core.placement import Placement
from staycalm.domains.catalog.public import PlacementConfig
from staycalm.domains.deployments.decisions import Means, Recheck, Situation
from staycalm.domains.deployments.machine import RUNNING
from staycalm.domains.deployments.strategies import Step
from staycalm.kit.shapes import prepare
from staycalm.ports.deploy import RevisionSpec
from staycalm.ports.traffic import Endpoint, Slot, Split

prepare(PlacementConfig, RevisionSpec, Split, Endpoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One attempt to put a release in a placement. `weight` is confirmed, None while there is no route.

    `step` counts from 0; -1 is the baseline before the first shift. `ending` tells what rolling-back leads to.
    """

    id: str
    service: str
    environment: str
    release: str
    digest: str
    commit_sha: str
    strategy: str
    steps: tuple[Step, ...]
    config: PlacementConfig
    tier: int
    rollback_safe: bool
    announcement: Mapping[str, Any]
    requested_at: datetime
    requested_by: str
    reason: str
    is_manual: bool
    is_hotfix: bool
    is_first: bool
    state: str
    stamp: int = 0
    deadline_at: datetime | None = None
    candidate_revision: str | None = None
    candidate_slot: Slot | None = None
    stable_revision: str | None = None
    stable_slot: Slot | None = None
    return_revision: str | None = None
    preview_token: str = field(default="", repr=False)
    step: int = -1
    step_ends_at: datetime | None = None
    wanted_weight: float = 0.0
    weight: float | None = None
    weight_since: datetime | None = None
    did_smoke_pass: bool = False
    recheck: Recheck = ""
    held_code: str | None = None
    held_reason: str | None = None
    is_paused: bool = False
    frozen_at: datetime | None = None
    waived: tuple[str, ...] = ()
    is_proven: bool = False
    verdict: str | None = None
    verdict_reason: str | None = None
    evidence: Mapping[str, Any] | None = None
    look_version: int = 0
    attempts: int = 0
    problem: str | None = None
    ending: str = ""
    end_reason: str | None = None
    end_code: str | None = None
    end_actor: Actor | None = None
    is_automatic_end: bool = False
    after_completion: bool = False
    first_shift_at: datetime | None = None
    first_bad_at: datetime | None = None
    decided_at: datetime | None = None
    completed_at: datetime | None = None
    finished_at: datetime | None = None
    detected_after_s: float | None = None
    rollback_took_s: float | None = None
    failed_requests: int | None = None

    @property
    def placement(self) -> Placement:
        return Placement(self.service, self.environment)

    @property
    def means(self) -> Means:
        return "instances" if self.config.router == "none" else "weights"

    @property
    def is_running(self) -> bool:
        return self.state in RUNNING

    @property
    def is_held(self) -> bool:
        return self.held_code is not None

    @property
    def is_frozen(self) -> bool:
        return self.is_held or self.is_paused

    @property
    def may_roll_back_by_itself(self) -> bool:
        return self.rollback_safe and self.config.auto_rollback


@dataclass(frozen=True, slots=True)
class PlacementState:
    """Who serves in a placement, and what its proxy was told. `generation` is wanted, the other one confirmed."""

    placement: Placement
    running: str | None
    live: str | None
    live_since: datetime | None
    stable_revision: str | None
    stable_slot: Slot | None
    warm_revision: str | None
    split: Split | None
    generation: int
    confirmed_split: Split | None
    confirmed_generation: int
    fence: int
    revision_count: int
    attempts: int
    problem: str | None
    due_at: datetime | None

    @property
    def is_split_confirmed(self) -> bool:
        return self.generation == self.confirmed_generation


@dataclass(frozen=True, slots=True)
class Revision:
    """A running version: stable or candidate. `is_routed`: the proxy may send requests to it.

    Without the words that have defaults it was created and nothing has happened to it yet.
    """

    name: str
    placement: str
    deployment: str
    release: str
    digest: str
    slot: Slot
    target: str
    spec: RevisionSpec
    created_at: datetime
    state: str = "created"
    endpoints: tuple[Endpoint, ...] = ()
    is_routed: bool = False
    why_kept: str | None = None
    stop_at: datetime | None = None
    due_at: datetime | None = None
    attempts: int = 0
    problem: str | None = None
    snapshot: Mapping[str, Any] | None = None
    stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """One second of a rollout; the body's totals are cumulative since the first look."""

    second: int
    weight: float
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LiveRevision:
    """What serves a placement now."""

    placement: Placement
    release: str
    digest: str
    commit_sha: str
    deployment: str
    since: datetime | None
    by: str
    slot: Slot
    revision: str
    running: str | None


@dataclass(frozen=True, slots=True)
class Glance:
    """The little that tells whether a rollout is still where it was when its last step was planned."""

    running: str
    state: str
    stamp: int
    look_version: int
    generation: int
    confirmed_generation: int
    deadline_at: datetime | None


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything a step of a rollout needs to know, read in one transaction."""

    deployment: Deployment
    place: PlacementState
    candidate: Revision | None
    stable: Revision | None
    returning: Revision | None

    @property
    def arriving(self) -> Revision | None:
        """Return the revision that is being brought up: the candidate, or the old one of a cold rollback."""
        return self.returning if self.deployment.state == "rolling-back" else self.candidate


def pack(value: Any) -> Any:
    """Return the frozen value as JSON values."""
    return msgspec.to_builtins(value)


def unpack_config(body: Any) -> PlacementConfig:
    """Return what `pack` made of a PlacementConfig."""
    return msgspec.convert(body, PlacementConfig)


def unpack_spec(body: Any) -> RevisionSpec:
    """Return what `pack` made of a RevisionSpec."""
    return msgspec.convert(body, RevisionSpec)


def unpack_split(body: Any) -> Split | None:
    """Return what `pack` made of a Split."""
    return None if body is None else msgspec.convert(body, Split)


def unpack_endpoints(body: Any) -> tuple[Endpoint, ...]:
    """Return what `pack` made of endpoints."""
    return msgspec.convert(body, tuple[Endpoint, ...])


def other_slot(slot: Slot | None) -> Slot:
    """Return the slot a candidate takes beside `slot`; blue when there is none."""
    return "green" if slot == "blue" else "blue"


def wanted_split(d: Deployment) -> Split | None:
    """Return the split that a deployment wants in force now; None when it has no slots yet.

    A first deployment's candidate is reached by its own host name while the other, empty slot "serves"
    the public ones; then it is stable by itself.
    """
    if d.candidate_slot is None:
        return None
    if d.is_first:
        if d.wanted_weight >= 100:
            return Split(stable=d.candidate_slot)
        return Split(other_slot(d.candidate_slot), d.candidate_slot, 0.0, d.preview_token)
    assert d.stable_slot is not None
    return Split(d.stable_slot, d.candidate_slot, d.wanted_weight, d.preview_token)


def after_rollback(split: Split) -> Split:
    """Return the split of the reserved rollback generation: stable serves all, the candidate keeps its name."""
    return replace(split, candidate_weight=0.0)


def situation(scene: Scene) -> Situation:
    """Return what `decisions.next_step` needs to know."""
    d = scene.deployment
    arriving = scene.arriving
    uses_weights = d.means == "weights"
    is_confirmed = d.weight is not None and d.weight == d.wanted_weight
    if uses_weights:
        is_confirmed = is_confirmed and scene.place.is_split_confirmed
    return Situation(
        state=d.state,
        deadline_at=d.deadline_at,
        arriving=arriving.state if arriving is not None else None,
        are_routes_open=d.weight is not None,
        did_smoke_pass=d.did_smoke_pass,
        recheck=d.recheck,
        is_weight_confirmed=is_confirmed,
        needs_routes=uses_weights,
    )
