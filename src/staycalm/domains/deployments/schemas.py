"""Wire types of deployments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from staycalm.domains.deployments.records import Deployment, LiveRevision, Revision
from staycalm.domains.deployments.strategies import Step
from staycalm.kit.wire import shown


class NewStep(BaseModel):
    """The candidate at `weight` percent for `duration_s`, and until `min_requests` were seen."""

    model_config = ConfigDict(extra="forbid")

    weight: float
    duration_s: float
    min_requests: int = 0

    def value(self) -> Step:
        return Step(self.weight, self.duration_s, self.min_requests)


class NewDeployment(BaseModel):
    """A wish to put a release in a placement."""

    model_config = ConfigDict(extra="forbid")

    service: str
    environment: str
    release: str = Field(description="REL-n, a digest or unique prefix, a commit prefix, or an exact reference.")
    strategy: str | None = None
    steps: list[NewStep] = Field(default_factory=list, max_length=40)
    hotfix: bool = False
    reason: str = Field(default="", max_length=2000)


class Reason(BaseModel):
    """Why a person intervenes; it is in the record."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=2000)


class Promotion(Reason):
    """`to_full`: everything at once instead of the next step."""

    to_full: bool = False


class StepOut(BaseModel):
    """A step of the rollout. `state` is done, now, or ahead."""

    weight: float
    duration_s: float
    min_requests: int
    state: str
    detection_s: float | None = None


class DeploymentOut(BaseModel):
    """One attempt to put a release in a placement. `weight` is what every edge confirmed, in percent."""

    id: str
    service: str
    environment: str
    release: str
    digest: str
    commit_sha: str
    strategy: str
    state: str
    is_running: bool
    weight: float | None
    wanted_weight: float
    step: int
    steps: list[StepOut]
    step_ends_at: datetime | None
    deadline_at: datetime | None
    is_held: bool
    held_reason: str | None
    is_paused: bool
    verdict: str | None
    verdict_reason: str | None
    is_proven: bool
    is_first: bool
    is_manual: bool
    is_hotfix: bool
    reason: str
    requested_at: datetime
    requested_by: str
    candidate_revision: str | None
    candidate_slot: str | None
    stable_revision: str | None
    stable_slot: str | None
    problem: str | None
    end_reason: str | None
    end_code: str | None
    after_completion: bool
    completed_at: datetime | None
    finished_at: datetime | None
    detected_after_s: float | None
    rollback_took_s: float | None
    failed_requests: int | None


class RevisionOut(BaseModel):
    """A running version, or one that ran."""

    name: str
    deployment: str
    release: str
    digest: str
    slot: str
    state: str
    is_routed: bool
    endpoints: list[str]
    why_kept: str | None
    stop_at: datetime | None
    problem: str | None
    snapshot: dict[str, Any] | None
    created_at: datetime
    stopped_at: datetime | None


class DeploymentDetail(DeploymentOut):
    """Everything about one deployment: what was announced, and the evidence so far."""

    announcement: dict[str, Any]
    evidence: dict[str, Any] | None
    revisions: list[RevisionOut]


class DeploymentPage(BaseModel):
    """The newest deployments first."""

    items: list[DeploymentOut]
    next_cursor: str | None


class LiveOut(BaseModel):
    """What serves a placement now. `running` is the deployment under way there, if any."""

    service: str
    environment: str
    release: str
    digest: str
    commit_sha: str
    deployment: str
    revision: str
    slot: str
    since: datetime | None
    by: str
    running: str | None


class LiveList(BaseModel):
    """What serves everywhere, by service and environment."""

    items: list[LiveOut]


class MomentOut(BaseModel):
    """One second of a rollout."""

    second: int
    weight: float
    body: dict[str, Any]


class HistoryOut(BaseModel):
    """The rollout second by second, oldest first."""

    items: list[MomentOut]


class LogLineOut(BaseModel):
    """One line a revision wrote; `at_s` is seconds since the epoch."""

    at_s: float
    instance: int
    stream: str
    text: str


class LogsOut(BaseModel):
    """The last lines of a revision, oldest first. `is_kept`: saved when it was stopped."""

    revision: str
    is_kept: bool
    lines: list[LogLineOut]


class CheckOut(BaseModel):
    """One smoke test against what is live."""

    service: str
    environment: str
    deployment: str
    name: str
    ok: bool
    took_s: float
    detail: str


class VerificationOut(BaseModel):
    """`ok` when every check of every live placement passed, and there was at least one."""

    ok: bool
    checks: list[CheckOut]
    without_checks: list[str] = Field(description="Live placements that declare nothing to check.")


def deployment_out(d: Deployment) -> DeploymentOut:
    """Return the deployment as lists show it."""
    return shown(DeploymentOut, d, steps=_steps(d))


def deployment_detail(d: Deployment, revisions: Sequence[Revision]) -> DeploymentDetail:
    """Return the deployment with its evidence and revisions."""
    return shown(DeploymentDetail, d, steps=_steps(d), revisions=[revision_out(each) for each in revisions])


def _steps(d: Deployment) -> list[StepOut]:
    told = list(d.announcement.get("steps", ()))
    is_past = d.state in ("verifying", "completed")
    steps = []
    for number, step in enumerate(d.steps):
        state = "done" if is_past or number < d.step else "now" if number == d.step else "ahead"
        detection_s = told[number].get("detection_s") if number < len(told) else None
        steps.append(shown(StepOut, step, state=state, detection_s=detection_s))
    return steps


def revision_out(r: Revision) -> RevisionOut:
    """Return the revision as the API shows it; never its environment, which may name secrets."""
    return shown(RevisionOut, r, endpoints=[f"{end.host}:{end.port}" for end in r.endpoints])


def live_out(each: LiveRevision) -> LiveOut:
    """Return what serves a placement as the API shows it."""
    return shown(LiveOut, each, service=each.placement.service, environment=each.placement.environment)
