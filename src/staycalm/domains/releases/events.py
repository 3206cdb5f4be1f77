"""What happened to releases. The subject is REL-n, service is set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from staycalm.core.events import Event


@dataclass(frozen=True, kw_only=True)
class ReleaseRegistered(Event):
    """The artifact has a name from now on."""

    name: ClassVar[str] = "releases.registered"

    digest: str
    commit_sha: str
    branch: str
    build_id: str
    is_opaque: bool
    rollback_safe: bool
    tests_passed: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class ReleaseMarkedUnsafe(Event):
    """An automatic rollback from this release holds and pages instead."""

    name: ClassVar[str] = "releases.marked_unsafe"

    digest: str
