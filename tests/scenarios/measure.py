"""How fast a scenario runs: `python -m tests.scenarios.measure`. Seconds of processor time, the best of three."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from staycalm.domains.deployments.settings import DeploymentsSettings
from tests.scenarios.organisation import QUIET, SHOP_FILE
from tests.scenarios.simulation import QUICK
from tests.scenarios.world import World


@dataclass(frozen=True)
class Figure:
    """What was measured, its goal in seconds (None: for information), and the best of the runs."""

    what: str
    goal_s: float | None
    took_s: float
    writes: int


def rollout(deployments: DeploymentsSettings) -> tuple[float, int]:
    """Return the time a rollout by the standard procedure takes, from its request to its completion."""
    world = World(seed=2, deployments=deployments).running_shop(SHOP_FILE)
    writes, began = world.database.writes, time.process_time()
    world.deploy("shop", "v2", strategy="sop")
    world.until(lambda: world.database.told["deployments.completed"] == 2, minutes=45)
    took_s, writes = time.process_time() - began, world.database.writes - writes
    world.close()
    return took_s, writes


def quiet_week() -> tuple[float, int]:
    """Return the time a week of on-call takes in which nothing happens but hand-offs and nightly checks."""
    world = World(seed=2).start(QUIET)
    writes, began = world.database.writes, time.process_time()
    world.fast_forward(days=7)
    took_s, writes = time.process_time() - began, world.database.writes - writes
    world.close()
    return took_s, writes


def best(what: str, goal_s: float | None, run: Callable[[], tuple[float, int]], *, times: int = 3) -> Figure:
    took_s, writes = min(run() for _ in range(times))
    return Figure(what, goal_s, took_s, writes)


def main() -> None:
    figures = [
        best("a quiet week of on-call", 1.0, quiet_week),
        best(f"a 30-minute rollout, looked at every {QUICK.poll_s:g} s", 3.0, lambda: rollout(QUICK)),
        best("the same in the product's own rhythm", None, lambda: rollout(DeploymentsSettings()), times=1),
    ]
    for each in figures:
        goal = ""
        if each.goal_s is not None:
            goal = f"goal {each.goal_s:g} s, {'met' if each.took_s <= each.goal_s else 'MISSED'}"
        print(f"{each.what:<52} {each.took_s:7.2f} s  {each.writes:6} transactions  {goal}")


if __name__ == "__main__":
    main()
