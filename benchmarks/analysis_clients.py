"""What sticky sick clients do to the analysis, in simulation through the product's own code.

    python benchmarks/analysis_clients.py --quick     20 rollouts per row
    python benchmarks/analysis_clients.py             200 rollouts per row

A population of clients of unequal activity; some are *sick*: they fail, or are slow, on every request and on
either revision. Strategy `sop`, one poll a second. Each rollout is judged twice on the same traffic: from the
access log (clients) and from counters alone (requests).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from staycalm.domains.deployments.analysis import DEFAULT_LIMITS, Poll, judge, new_analysis, observe
from staycalm.domains.deployments.strategies import STRATEGIES
from staycalm.ports.traffic import RequestRecord, Samples, SlotCounts

SOP = STRATEGIES["sop"]
WARM_S = 30
BOUNDS = (1.0, 2.0, 5.0, 7.0, 10.0, 14.0, 20.0, 28.0, 40.0, 60.0, 100.0, 250.0, 1000.0, float("inf"))


@dataclass(frozen=True)
class Story:
    """A population and a candidate."""

    name: str
    rps: float = 500.0
    clients: int = 5000
    sick: float = 0.005
    slow_sick: float = 0.0
    extra_errors: float = 0.0
    slower: float = 1.0
    base: float = 0.002


STORIES = (
    Story("healthy, 0.5 % of clients sick"),
    Story("healthy, 2 % of 500 clients sick", clients=500, sick=0.02),
    Story("healthy, 5 % of clients slow", sick=0.0, slow_sick=0.05, clients=1000),
    Story("+5 pp errors, 0.5 % of clients sick", extra_errors=0.05),
    Story("+5 pp errors, 100 rps, 2000 clients", rps=100.0, clients=2000, extra_errors=0.05),
    Story("+1 pp errors, 0.5 % of clients sick", extra_errors=0.01),
    Story("+40 % time, 100 rps, 2000 clients", rps=100.0, clients=2000, slower=1.4),
    Story("+20 % time, 0.5 % of clients sick", slower=1.2),
)


def roll_out(story: Story, seed: int, *, with_log: bool) -> tuple[str, float, int]:
    """Return (verdict, seconds after the first shift, failed requests) of one rollout; PROCEED at its end."""
    rng = np.random.default_rng(seed)
    activity = rng.gamma(0.5, size=story.clients)
    activity /= activity.sum()
    place, is_sick = rng.random(story.clients), rng.random(story.clients) < story.sick
    is_slow = rng.random(story.clients) < story.slow_sick
    names = [f"{seed}-{i}" for i in range(story.clients)]
    state, since, held = new_analysis(), 0.0, "PROCEED"
    for second in range(WARM_S + int(SOP.duration_s)):
        t = second - WARM_S
        weight = SOP.steps[min(t // 600, 2)].weight if t >= 0 else 0.0
        if t >= 0 and t % 600 == 0:
            since = float(second)
        who = rng.choice(story.clients, size=rng.poisson(story.rps), p=activity)
        on = place[who] * 100 < weight
        chance = np.where(is_sick[who], 1.0, story.base + np.where(on, story.extra_errors, 0.0))
        bad = rng.random(len(who)) < chance
        took = rng.lognormal(np.log(12.0), 0.5, len(who))
        took *= np.where(on, story.slower, 1.0) * np.where(is_slow[who], 4.0, 1.0)
        samples = with_records(names, who, on, bad, took) if with_log else with_counters(on, bad, took)
        state = observe(state, Poll(float(second + 1), weight, since, "blue", "green", samples))
        if t < 0:
            continue
        is_proven = any(m.evidence.reached_at_s is not None for m in (state.errors, state.p50, state.p95))
        if is_proven or second % 10 == 0:
            now = judge(state)
            if now.verdict == "ROLLBACK":
                return "ROLLBACK", t + 1.0, now.failed_requests
            held = "HOLD" if now.verdict == "HOLD" else held
    return held, float(SOP.duration_s), 0


def with_records(names: list[str], who: Any, on: Any, bad: Any, took: Any) -> Samples:
    """Return one second as an access log."""
    rows = zip(who.tolist(), on.tolist(), bad.tolist(), took.tolist(), strict=True)
    return Samples(
        "",
        1.0,
        {},
        tuple(RequestRecord("green" if c else "blue", names[w], 500 if b else 200, d, b) for w, c, b, d in rows),
        True,
    )


def with_counters(on: Any, bad: Any, took: Any) -> Samples:
    """Return one second as counters and histograms."""
    slots = {}
    for slot, chosen in (("green", on), ("blue", ~on)):
        counts = np.bincount(np.searchsorted(BOUNDS, took[chosen]), minlength=len(BOUNDS))
        slots[slot] = SlotCounts(
            total=int(chosen.sum()),
            server_errors=int((bad & chosen).sum()),
            latency_buckets=tuple(zip(BOUNDS, counts.tolist(), strict=True)),
        )
    return Samples("", 1.0, slots)  # type: ignore[arg-type]


def main() -> int:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rollouts", type=int)
    parser.add_argument("--story", default="")
    parser.add_argument("--json", metavar="FILE")
    chosen = parser.parse_args()
    rollouts = chosen.rollouts or (20 if chosen.quick else 200)
    rows = []
    print(f"{'story':<40} {'unit':<9} {'rolled':>8} {'held':>8} {'median':>8} {'failed':>7}")
    for story in STORIES:
        if chosen.story not in story.name:
            continue
        for with_log in (True, False):
            began = time.perf_counter()
            ends = [roll_out(replace(story), 7000 + seed, with_log=with_log) for seed in range(rollouts)]
            caught = [e for e in ends if e[0] == "ROLLBACK"]
            row = {
                "story": story.name,
                "unit": "clients" if with_log else "requests",
                "rollouts": rollouts,
                "rolled_back": len(caught) / rollouts,
                "held": sum(e[0] == "HOLD" for e in ends) / rollouts,
                "median_s": float(np.median([e[1] for e in caught])) if caught else None,
                "failed": float(np.median([e[2] for e in caught])) if caught else None,
            }
            rows.append(row)
            median = "-" if row["median_s"] is None else f"{row['median_s']:.0f} s"
            failed = "-" if row["failed"] is None else f"{row['failed']:.0f}"
            rolled, held = 100 * len(caught) / rollouts, 100 * sum(e[0] == "HOLD" for e in ends) / rollouts
            print(
                f"{story.name:<40} {row['unit']:<9} {rolled:>6.1f} % {held:>6.1f} % "
                f"{median:>8} {failed:>7}   ({time.perf_counter() - began:.0f} s)",
                flush=True,
            )
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump({"limits": str(DEFAULT_LIMITS), "rows": rows}, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
