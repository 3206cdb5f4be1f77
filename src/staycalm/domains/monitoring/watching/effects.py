"""Looks at the outside, as values, and how each is carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from staycalm.core.placement import Placement
from staycalm.domains.monitoring.outside import Outside
from staycalm.kit.reconcile import Effect
from staycalm.ports.deploy import RevisionSpec, RevisionStatus
from staycalm.ports.errors import OutsideUnavailable
from staycalm.ports.metrics import Reading
from staycalm.ports.probes import Probe, ProbeResult
from staycalm.ports.traffic import Samples


@dataclass(frozen=True, kw_only=True)
class LookAt(Effect):
    """Probe one thing."""

    probe: Probe


@dataclass(frozen=True, kw_only=True)
class LookAtInstances(Effect):
    """Ask the target for what runs of the revision that serves."""

    target: str
    spec: RevisionSpec


@dataclass(frozen=True, kw_only=True)
class ReadTraffic(Effect):
    """Read the proxy's counters since the cursor."""

    router: str
    placement: Placement
    cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Ask(Effect):
    """Ask a metric source; `expressions` by a name that `settle` knows."""

    source: str
    expressions: Mapping[str, str]
    at: datetime


Answers = Mapping[str, Reading]
Seen = ProbeResult | RevisionStatus | Samples | Answers


async def carry_out(outside: Outside, effect: Effect) -> Seen:
    """Return what was seen; raises PortError."""
    if isinstance(effect, LookAt):
        return await outside.prober.look(effect.probe)
    if isinstance(effect, LookAtInstances):
        return await outside.target(effect.target).status(effect.spec)
    if isinstance(effect, ReadTraffic):
        return await outside.router(effect.router).samples(effect.placement, effect.cursor)
    assert isinstance(effect, Ask), f"nobody looks at {effect.key}"
    source = outside.sources.get(effect.source)
    if source is None:
        raise OutsideUnavailable(f"this server has no metric source {effect.source}")
    return {name: await source.query(text, at=effect.at) for name, text in effect.expressions.items()}
