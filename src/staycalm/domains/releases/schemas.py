"""Wire types of releases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from staycalm.domains.releases.queries import Arrival, Release

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class NewRelease(BaseModel):
    """The record of SOP §2.2 about bytes that are in the store, or (`reference`) that only the target can read."""

    model_config = ConfigDict(extra="forbid")

    service: str
    digest: str
    reference: str | None = Field(default=None, description="Where the bytes are, for the exec target.")
    build_id: str = Field(default="", max_length=200)
    commit_sha: str = Field(default="", max_length=64)
    branch: str = Field(default="", max_length=200)
    build_timestamp: AwareDatetime | None = None
    tests_passed: list[Name] = Field(default_factory=list, max_length=100)
    rollback_safe: bool = True


class DeployedTo(BaseModel):
    """When the release first went live in an environment."""

    environment: str
    at: datetime
    deployment: str


class ReleaseOut(BaseModel):
    """A named artifact."""

    id: str
    service: str
    digest: str
    reference: str
    is_opaque: bool
    size: int | None
    build_id: str
    commit_sha: str
    branch: str
    build_timestamp: datetime | None
    tests_passed: list[str]
    rollback_safe: bool
    created_at: datetime
    created_by: str
    deployed_to: list[DeployedTo]


class ReleasePage(BaseModel):
    """The newest releases first."""

    items: list[ReleaseOut]
    next_cursor: str | None


class Uploaded(BaseModel):
    """The bytes are in the store."""

    digest: str
    size: int


def release_out(release: Release, arrivals: Sequence[Arrival]) -> ReleaseOut:
    """Return the release as the API shows it."""
    return ReleaseOut(
        id=release.id,
        service=release.service,
        digest=release.digest,
        reference=release.reference if release.is_opaque else release.digest,
        is_opaque=release.is_opaque,
        size=release.size,
        build_id=release.build_id,
        commit_sha=release.commit_sha,
        branch=release.branch,
        build_timestamp=release.built_at,
        tests_passed=list(release.tests_passed),
        rollback_safe=release.rollback_safe,
        created_at=release.created_at,
        created_by=release.created_by,
        deployed_to=[DeployedTo(environment=a.environment, at=a.at, deployment=a.deployment) for a in arrivals],
    )
