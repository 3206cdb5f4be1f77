"""What a rollout will be able to see, told before it starts. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from staycalm.core.durations import format_duration
from staycalm.domains.deployments.analysis import Limits, forecast
from staycalm.domains.deployments.strategies import Strategy


def announce(
    strategy: Strategy, limits: Limits, *, requests_per_s: float | None, error_rate: float | None
) -> dict[str, Any]:
    """Return the announcement as JSON values: sentences for people, and the figures of every step.

    `detection_s` is the expected time until the error limit shows in that step, `visible_error_increase`
    (a fraction) what the step alone can see; both None where this traffic is too little.
    """
    rate = requests_per_s or 0.0
    told = forecast(strategy, requests_per_s=rate, base_error_rate=error_rate or 0.0, limits=limits)
    total_s = sum(step.duration_s for step in strategy.steps)
    shape = ", ".join(f"{step.weight:g} % for {format_duration(step.duration_s)}" for step in strategy.steps)
    sentences = [f"{strategy.name}: {shape}, then 100 %; {format_duration(total_s)} in all"]
    if requests_per_s is None:
        sentences.append("the traffic is not known yet, so nothing is promised about what it can see")
    else:
        sentences.extend(told.sentences())
    return {
        "sentences": sentences,
        "requests_per_s": requests_per_s,
        "error_rate": error_rate,
        "chance": told.chance if requests_per_s is not None else None,
        "steps": [asdict(step) for step in told.steps],
    }
