"""What one look needs, and what it remembers for the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from staycalm.core.placement import Placement
from staycalm.domains.catalog.public import BusinessMetric, MetricQueries
from staycalm.domains.deployments.analysis import AnalysisState, Judgement, Limits, dump, load, new_analysis
from staycalm.domains.deployments.decisions import Health
from staycalm.domains.deployments.watching.tally import Tally
from staycalm.kit.shapes import prepare
from staycalm.ports.deploy import RevisionSpec
from staycalm.ports.traffic import Endpoint, Slot


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a look reads from; the same for a whole step. `generation` is the one that should be in force."""

    placement: Placement
    stable: Slot
    candidate: Slot
    weight: float
    weight_since_s: float
    router: str | None
    generation: int | None
    target: str
    candidate_spec: RevisionSpec
    stable_spec: RevisionSpec | None
    endpoints: Mapping[Slot, tuple[Endpoint, ...]]
    limits: Limits
    min_requests: int = 0
    queries: MetricQueries | None = None
    business: BusinessMetric | None = None
    health_every_s: float = 1.0
    metrics_every_s: float = 5.0

    def revision(self, slot: Slot) -> str:
        """Return the name of the revision in the slot, empty when there is none."""
        spec = self.candidate_spec if slot == self.candidate else self.stable_spec
        return spec.revision if spec is not None else ""


@dataclass(frozen=True, slots=True)
class Totals:
    """The last values of cumulative counters, by name, and when they were asked for."""

    at_s: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    problem: str | None = None


prepare(Health, Totals, Tally)


@dataclass(frozen=True, slots=True)
class WatchState:
    """Everything a look leaves to the next. `version` counts the times it was stored; `judgement` never is.

    All seconds in it are of a clock that never goes back: `ahead_s` ahead of a wall clock that was set back.
    """

    analysis: AnalysisState
    version: int = 0
    cursor: str | None = None
    last_s: float = 0.0
    ahead_s: float = 0.0
    saved_s: float = 0.0
    health: Health = Health()
    health_at_s: float | None = None
    first_restarts: int | None = None
    metrics: Totals = Totals()
    business: Totals = Totals()
    tally: Tally = Tally()
    first_bad_s: float | None = None
    judgement: Judgement | None = None

    def at(self, wall_s: float, pause_s: float) -> WatchState:
        """Return it for a look at this wall time; after a step back `pause_s` have passed since the last look."""
        if wall_s >= self.last_s:
            return replace(self, ahead_s=0.0) if self.ahead_s else self
        if wall_s + self.ahead_s >= self.last_s:
            return self
        return replace(self, ahead_s=self.last_s + pause_s - wall_s)


def new_watch() -> WatchState:
    """Return the state before the first look."""
    return WatchState(new_analysis())


_PLAIN = ("version", "cursor", "last_s", "saved_s", "health", "health_at_s", "first_restarts", "metrics",
          "business", "tally", "first_bad_s")  # fmt: skip


def dump_watch(state: WatchState) -> dict[str, Any]:
    """Return one JSON body per metric: the analysis, and everything else."""
    rest = {name: msgspec.to_builtins(getattr(state, name)) for name in _PLAIN}
    if state.ahead_s:
        rest["ahead_s"] = state.ahead_s
    return {"analysis": dump(state.analysis), "watch": rest}


def load_watch(bodies: Mapping[str, Any]) -> WatchState:
    """Return what `dump_watch` wrote; a fresh state when nothing was stored yet."""
    if "watch" not in bodies or "analysis" not in bodies:
        return new_watch()
    rest = dict(bodies["watch"])
    rest["health"] = msgspec.convert(rest["health"], Health)
    rest["metrics"] = msgspec.convert(rest["metrics"], Totals)
    rest["business"] = msgspec.convert(rest["business"], Totals)
    rest["tally"] = msgspec.convert(rest["tally"], Tally)
    return WatchState(load(bodies["analysis"]), **rest)
