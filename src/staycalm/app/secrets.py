"""Secrets of a placement are references until a program starts: no database and no event ever holds one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from staycalm.core.errors import Invalid
from staycalm.domains.catalog.public import resolve_references
from staycalm.ports.deploy import Adoption, DeployTarget, LogLine, RevisionSpec, RevisionStatus
from staycalm.ports.errors import InvalidSpec


def fill_in(spec: RevisionSpec) -> RevisionSpec:
    """Return the spec with `${env:…}` and `${file:…}` replaced; raises InvalidSpec that names the reference."""
    try:
        filled = resolve_references(spec.environment, os.environ, lambda path: Path(path).read_text("utf-8"))
    except Invalid as error:
        raise InvalidSpec(f"{error.message}. {error.next_step}") from None
    return replace(spec, environment=filled)


class FillingTarget:
    """The deploy target behind it, given secrets at the moment something starts and at no other."""

    def __init__(self, target: DeployTarget) -> None:
        self._target = target

    async def prepare(self, spec: RevisionSpec) -> None:
        fill_in(spec)
        await self._target.prepare(spec)

    async def start(self, spec: RevisionSpec) -> RevisionStatus:
        return await self._target.start(fill_in(spec))

    async def scale(self, spec: RevisionSpec, instances: int) -> RevisionStatus:
        return await self._target.scale(fill_in(spec) if instances else spec, instances)

    async def status(self, spec: RevisionSpec) -> RevisionStatus:
        return await self._target.status(spec)

    async def stop(self, spec: RevisionSpec, *, reason: str) -> None:
        await self._target.stop(spec, reason=reason)

    async def remove(self, spec: RevisionSpec) -> None:
        await self._target.remove(spec)

    async def adopt(self, known: tuple[RevisionSpec, ...]) -> Adoption:
        return await self._target.adopt(known)

    async def logs(self, revision: str, *, tail: int = 200) -> tuple[LogLine, ...]:
        return await self._target.logs(revision, tail=tail)

    def follow(self, revision: str) -> AsyncIterator[LogLine]:
        return self._target.follow(revision)
