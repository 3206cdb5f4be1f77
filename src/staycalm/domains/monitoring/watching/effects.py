"""Looks at the outside, as values, and how each is carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from staycalm.domains.catalog.public import PlacementConfig
from staycalm.domains.monitoring.outside import Outside
from staycalm.domains.monitoring.watching.queries import Watch
from staycalm.kit.reconcile import Effect
from staycalm.ports.deploy import RevisionSpec, RevisionStatus
from staycalm.ports.errors import OutsideUnavailable
from staycalm.ports.metrics import Reading
from staycalm.ports.probes import Probe, ProbeResult
from staycalm.ports.traffic import Samples


@dataclass(frozen=True, kw_only=True)
class Looking(Effect):
    """A look at something of a placement, which is declared as `config` says."""

    watch: Watch
    config: PlacementConfig


@dataclass(frozen=True, kw_only=True)
class LookAt(Looking):
    """Probe one thing."""

    probe: Probe


@dataclass(frozen=True, kw_only=True)
class LookAtInstances(Looking):
    """Ask the target for what runs of the revision that serves."""

    spec: RevisionSpec


@dataclass(frozen=True, kw_only=True)
class ReadTraffic(Looking):
    """Read the proxy's counters since the watch's cursor."""


@dataclass(frozen=True, kw_only=True)
class Ask(Looking):
    """Ask a metric source; `expressions` by a name that `settle` knows."""

    source: str
    expressions: Mapping[str, str]
    at: datetime


Answers = Mapping[str, Reading]
Seen = ProbeResult | RevisionStatus | Samples | Answers


async def carry_out(outside: Outside, effect: Looking) -> Seen:
    """Return what was seen; raises PortError."""
    if isinstance(effect, LookAt):
        return await outside.prober.look(effect.probe)
    if isinstance(effect, LookAtInstances):
        return await outside.target(effect.config.target).status(effect.spec)
    if isinstance(effect, ReadTraffic):
        return await outside.router(effect.config.router).samples(effect.config.placement, effect.watch.cursor)
    assert isinstance(effect, Ask), f"nobody looks at {effect.key}"
    source = outside.sources.get(effect.source)
    if source is None:
        raise OutsideUnavailable(f"this server has no metric source {effect.source}")
    return {name: await source.query(text, at=effect.at) for name, text in effect.expressions.items()}
