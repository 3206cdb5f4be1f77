"""How a rollout shifts traffic: named strategies, custom steps, and compressed time for demonstrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from staycalm.core.errors import Invalid

MAX_WEIGHT = 95.0
MAX_STEPS = 40


@dataclass(frozen=True, slots=True)
class Step:
    """The candidate at `weight` percent for `duration_s`, and longer until `min_requests` were seen.

    `min_requests` counts both revisions' requests at this weight; 0 asks for none.
    """

    weight: float
    duration_s: float
    min_requests: int = 0


@dataclass(frozen=True, slots=True)
class Strategy:
    """Ascending steps, each with at least 5 % on stable; after the last verdict the candidate gets everything.

    `time_factor` tells how much faster than declared it runs (1 = as declared).
    """

    name: str
    steps: tuple[Step, ...]
    time_factor: float = 1.0

    @property
    def duration_s(self) -> float:
        """Return the least time from the first shift to the verdict."""
        return sum(step.duration_s for step in self.steps)


def _every(name: str, seconds: float) -> Strategy:
    return Strategy(name, tuple(Step(float(weight), seconds) for weight in range(5, 100, 5)))


STRATEGIES: dict[str, Strategy] = {
    s.name: s
    for s in (
        # SOP §3.1: 100 → 90 → 50 → 10 → 0 for stable, 30 minutes in all.
        Strategy("sop", (Step(10.0, 600.0), Step(50.0, 600.0), Step(90.0, 600.0))),
        _every("linear-30", 90.0),
        # SOP §3.1: "5 % every 3 minutes".
        _every("linear-60", 180.0),
        Strategy("instant", (Step(95.0, 30.0),)),
    )
}
DEFAULT_STRATEGY = "sop"


def get_strategy(name: str) -> Strategy:
    """Return the named strategy; raises Invalid for a name that does not exist."""
    try:
        return STRATEGIES[name]
    except KeyError:
        raise Invalid(
            "unknown-strategy", f"there is no strategy {name!r}", next_step=f"Use {', '.join(STRATEGIES)}."
        ) from None


def custom_strategy(steps: Sequence[Step], *, name: str = "custom") -> Strategy:
    """Return a strategy of these steps; raises Invalid when a weight, duration or count is out of range."""
    if not 1 <= len(steps) <= MAX_STEPS:
        raise Invalid("bad-strategy", f"a strategy has 1 to {MAX_STEPS} steps, not {len(steps)}")
    last = 0.0
    for number, step in enumerate(steps, start=1):
        if not 0.0 < step.weight <= MAX_WEIGHT:
            raise Invalid(
                "bad-weight",
                f"step {number}: weight {step.weight:g} is out of range",
                next_step=f"Use over 0 and at most {MAX_WEIGHT:g} percent; stable keeps 5 % until the verdict.",
            )
        if step.weight <= last:
            raise Invalid("bad-weight", f"step {number}: weight {step.weight:g} is not above {last:g}")
        if not 0.0 < step.duration_s <= 7 * 86400.0:
            raise Invalid("bad-duration", f"step {number}: {step.duration_s:g} s is not between 0 and a week")
        if not 0 <= step.min_requests <= 1_000_000_000:
            raise Invalid("bad-requests", f"step {number}: {step.min_requests} is not a number of requests")
        last = step.weight
    return Strategy(name, tuple(steps))


def compress(strategy: Strategy, factor: float) -> Strategy:
    """Return the strategy with every duration divided by `factor` (>= 1); weights and counts stay."""
    if not 1.0 <= factor <= 100_000.0:
        raise Invalid("bad-factor", f"time factor {factor:g} is out of range", next_step="Use 1 to 100000.")
    steps = tuple(replace(step, duration_s=step.duration_s / factor) for step in strategy.steps)
    return Strategy(strategy.name, steps, strategy.time_factor * factor)
