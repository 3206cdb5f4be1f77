"""What goes into the analysis at each poll, and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from staycalm.domains.deployments.analysis.limits import Unit, Verdict
from staycalm.ports.traffic import Samples, Slot


@dataclass(frozen=True, slots=True)
class Poll:
    """What was seen since the poll before.

    `now_s` and `weight_since_s` are seconds on one clock that never goes back (also over a restart);
    `weight` is the candidate's configured percent, in force since `weight_since_s`. A poll at weight 0
    only teaches what is normal for stable. `counts` maps a counter's name to (stable, candidate) events
    since the poll before.
    """

    now_s: float
    weight: float
    weight_since_s: float
    stable: Slot
    candidate: Slot
    samples: Samples
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MetricFigures:
    """One metric in numbers for people. Rates are fractions 0-1, None where nothing was counted.

    `difference`, `low`, `high`: the Mantel-Haenszel risk difference and its 95 % interval (for a count,
    the ratio minus one). `evidence` is log10 of the e-value; `needed` what it must reach.
    """

    name: str
    stable_rate: float | None
    candidate_rate: float | None
    difference: float | None
    low: float | None
    high: float | None
    evidence: float
    needed: float
    is_proven: bool
    is_large: bool
    proven_at_s: float | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict now, and why, in sentences a person can read.

    `unit` is what one observation is: a client (access log) or a request (counters only).
    `visible_error_increase` and `visible_latency_increase` are the smallest worsening (fractions) that the
    traffic so far shows with 90 % chance; None when not even a total failure would show.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    unit: Unit
    metrics: tuple[MetricFigures, ...]
    candidate_requests: int
    stable_requests: int
    failed_requests: int
    visible_error_increase: float | None
    visible_latency_increase: float | None
    is_absolute_stop: bool = False

    @property
    def code(self) -> str:
        """Return what kind of finding a ROLLBACK or HOLD rests on, so that a person can waive just that HOLD."""
        if self.verdict == "ROLLBACK":
            return "absolute-stop" if self.is_absolute_stop else "proven-worse"
        is_small = any(metric.is_proven and not metric.is_large for metric in self.metrics)
        return "worse-below-the-limit" if is_small else "not-comparable"

    def as_evidence(self) -> dict[str, Any]:
        """Return JSON values only, for the event and the record of the deployment."""
        body = asdict(self)
        body["reasons"] = list(self.reasons)
        body["metrics"] = [asdict(m) for m in self.metrics]
        return body
