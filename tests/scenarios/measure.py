"""How fast a scenario runs: `python -m tests.scenarios.measure`. Seconds of processor time, the best of three."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from staycalm.domains.deployments.settings import DeploymentsSettings
from tests.scenarios.organisation import QUIET, RARELY_WATCHED, SHOP_FILE
from tests.scenarios.quiet import pass_until
from tests.scenarios.simulation import QUICK, SLOW
from tests.scenarios.walk import UNHURRIED
from tests.scenarios.world import World

Run = tuple[float, int, int]
OWN = DeploymentsSettings()


@dataclass(frozen=True)
class Figure:
    """What was measured under which conditions, its goal in seconds (None: for information), the best of the runs.

    `looks` are the steps of the engine's reconcilers, each of them planned, performed and settled.
    """

    what: str
    goal_s: float | None
    took_s: float
    writes: int
    looks: int


def timed(world: World, live: Callable[[], None]) -> Run:
    """Return the processor time it takes to live through this, the transactions and the looks in it."""
    writes, looks, began = world.database.writes, world.processes[0].took_part, time.process_time()
    live()
    took_s = time.process_time() - began
    run = took_s, world.database.writes - writes, world.processes[0].took_part - looks
    world.close()
    return run


def rollout(deployments: DeploymentsSettings) -> Run:
    """Return what a rollout by the standard procedure takes, from its request to its completion."""
    world = World(seed=2, deployments=deployments).running_shop(SHOP_FILE)

    def live() -> None:
        world.deploy("shop", "v2", strategy="sop")
        world.until(lambda: world.database.told["deployments.completed"] == 2, minutes=45)

    return timed(world, live)


def quiet_week() -> Run:
    """Return what a week of on-call takes in which nothing happens but hand-offs and nightly checks."""
    world = World(seed=2).start(QUIET)
    return timed(world, lambda: world.fast_forward(days=7))


def quiet_shop(*, days: float, is_watched: bool) -> Run:
    """Return what days of a shop that serves take; not watched: nobody looks while all is well."""
    world = World(seed=2, settings=SLOW, deployments=UNHURRIED).running_shop(RARELY_WATCHED)
    if is_watched:
        return timed(world, lambda: world.fast_forward(days=days))
    return timed(world, lambda: pass_until(world, world.clock.now() + timedelta(days=days)))


def best(what: str, goal_s: float | None, run: Callable[[], Run], *, times: int = 3) -> Figure:
    return Figure(what, goal_s, *min(run() for _ in range(times)))


def main() -> None:
    own = f"the same in the product's own rhythm: every {OWN.poll_fast_s:g} s, later {OWN.poll_s:g} s"
    figures = [
        best("a quiet week of on-call, nothing watched", 1.0, quiet_week),
        best(
            "a quiet week of a shop, as random weeks pass it", 1.0, partial(quiet_shop, days=7, is_watched=False)
        ),
        best(
            "a quiet day of it, looked at every 5 min", None, partial(quiet_shop, days=1, is_watched=True), times=1
        ),
        best(f"a 30-minute rollout, looked at every {QUICK.poll_s:g} s", 3.0, lambda: rollout(QUICK)),
        best(own, None, lambda: rollout(OWN), times=1),
    ]
    for each in figures:
        goal = ""
        if each.goal_s is not None:
            goal = f"goal {each.goal_s:g} s, {'met' if each.took_s <= each.goal_s else 'MISSED'}"
        counts = f"{each.looks:6} looks {each.writes:6} transactions"
        print(f"{each.what:<68} {each.took_s:7.2f} s {counts}  {goal}")


if __name__ == "__main__":
    main()
