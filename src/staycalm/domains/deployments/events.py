"""What happened to deployments. The subject is DEP-n; service and environment are always set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from staycalm.core.events import Event


@dataclass(frozen=True, kw_only=True)
class DeploymentRequested(Event):
    """Somebody asked for a release in a placement. `announcement` is what was promised before the start."""

    name: ClassVar[str] = "deployments.requested"

    release: str
    digest: str
    commit_sha: str
    strategy: str
    is_first: bool
    is_manual: bool
    is_hotfix: bool
    reason: str
    announcement: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CandidateReady(Event):
    """The candidate runs the registered bytes and passes its health check. It has no traffic yet."""

    name: ClassVar[str] = "deployments.candidate_ready"

    revision: str
    slot: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class SmokeTestsPassed(Event):
    """Every smoke test passed against the candidate."""

    name: ClassVar[str] = "deployments.smoke_tests_passed"

    tests: list[str]


@dataclass(frozen=True, kw_only=True)
class WeightShifted(Event):
    """`weight` percent of clients reach the candidate, confirmed by every edge."""

    name: ClassVar[str] = "deployments.weight_shifted"

    weight: float
    previous_weight: float
    step: int
    generation: int
    took_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class DeploymentHeld(Event):
    """The weight is frozen until somebody decides. `is_urgent`: it would have rolled back, but may not."""

    name: ClassVar[str] = "deployments.held"

    reason: str
    code: str
    weight: float
    is_urgent: bool = False
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DeploymentPaused(Event):
    """A person stopped the clock of the rollout; it is still watched."""

    name: ClassVar[str] = "deployments.paused"

    reason: str


@dataclass(frozen=True, kw_only=True)
class DeploymentResumed(Event):
    """A person let a paused or held rollout go on."""

    name: ClassVar[str] = "deployments.resumed"

    waived: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class DeploymentPromoted(Event):
    """A person did not wait for the end of the step."""

    name: ClassVar[str] = "deployments.promoted"

    to_weight: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class RollbackStarted(Event):
    """Stable is to serve everything again."""

    name: ClassVar[str] = "deployments.rollback_started"

    reason: str
    is_automatic: bool
    weight: float


@dataclass(frozen=True, kw_only=True)
class DeploymentRolledBack(Event):
    """Stable serves everything, confirmed by every edge.

    `detected_after_s`: first bad response (errors) or first shift (all else) -> decision.
    `rollback_took_s`: decision -> confirmed at the proxy. `failed_requests`: bad responses the candidate gave.
    None where nothing could measure it. `after_completion`: the deployment had already completed.
    """

    name: ClassVar[str] = "deployments.rolled_back"

    reason: str
    is_automatic: bool
    stable_is_healthy: bool
    evidence: dict[str, Any] = field(default_factory=dict)
    failed_requests: int | None = None
    detected_after_s: float | None = None
    rollback_took_s: float | None = None
    stable_digest: str | None = None
    candidate_digest: str | None = None
    after_completion: bool = False
    release: str | None = None
    stable_release: str | None = None


@dataclass(frozen=True, kw_only=True)
class RollbackFailed(Event):
    """A rollback could not be done; what served before still serves. `is_final`: it is not tried again."""

    name: ClassVar[str] = "deployments.rollback_failed"

    reason: str
    is_final: bool


@dataclass(frozen=True, kw_only=True)
class DeploymentCompleted(Event):
    """The release serves everything and is the placement's stable one. `is_proven`: the analysis said PROCEED."""

    name: ClassVar[str] = "deployments.completed"

    is_proven: bool
    release: str
    digest: str
    commit_sha: str
    is_first: bool
    warm_until: str | None = None


@dataclass(frozen=True, kw_only=True)
class DeploymentAborted(Event):
    """The deployment ended without the release; stable serves everything, or nobody when there was none."""

    name: ClassVar[str] = "deployments.aborted"

    reason: str
    code: str
    is_automatic: bool
    had_traffic: bool


@dataclass(frozen=True, kw_only=True)
class CandidateRemoved(Event):
    """A revision that serves nobody is stopped; its logs and metrics snapshot are in its record."""

    name: ClassVar[str] = "deployments.candidate_removed"

    revision: str
    why: str


@dataclass(frozen=True, kw_only=True)
class DriftFound(Event):
    """What runs or serves was not what was decided; `mended` tells whether it is again. Subject: the placement."""

    name: ClassVar[str] = "deployments.drift_found"

    problem: str
    mended: bool


ALL: tuple[type[Event], ...] = (
    DeploymentRequested, CandidateReady, SmokeTestsPassed, WeightShifted, DeploymentHeld, DeploymentPaused,
    DeploymentResumed, DeploymentPromoted, RollbackStarted, DeploymentRolledBack, RollbackFailed,
    DeploymentCompleted, DeploymentAborted, CandidateRemoved, DriftFound,
)  # fmt: skip
