"""Quiet hours pass without a look: while all is well looks change nothing, and a week has tens of thousands."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update

from staycalm.domains.deployments.model import placements
from staycalm.domains.monitoring.conditions.model import conditions
from staycalm.domains.monitoring.watching.model import watches
from staycalm.kit.database import Tx
from tests.scenarios.world import World

LOOK_UP_S = 300.0


def pass_until(world: World, end: datetime) -> None:
    """It is `end`; whenever all was well on the way, nobody looked at the services any more."""
    while (left_s := (end - world.clock.now()).total_seconds()) > 0:
        if left_s > LOOK_UP_S and is_well(world):
            doze(world, end)
            world.fast_forward(seconds=left_s)
        else:
            world.fast_forward(seconds=min(left_s, LOOK_UP_S))


def is_well(world: World) -> bool:
    """Return whether looks at the services would find what they found the last time: everything in order."""
    machine = world.outside.machine
    if machine.suffering or any(each.readiness for each in machine.revisions.values() if each.instances):
        return False
    # A condition about which nothing is known moves only when something is seen.
    in_motion = conditions.c.phase != "inactive", conditions.c.health.in_(("breach", "clear"))
    unwell = select(watches.c.key).where(watches.c.failures > 0), select(conditions.c.rule).where(*in_motion)
    is_unwell = any(world.read(lambda tx, found=found: tx.rows(found.limit(1))) for found in unwell)
    return world.newest().finished_at is not None and not is_unwell


def doze(world: World, until: datetime) -> None:
    """Nobody looks at the services before then; the rules are judged once they have been looked at again."""
    is_at_rest = placements.c.running.is_(None), placements.c.due_at < until
    is_early = watches.c.due_at < until
    is_look = watches.c.kind.not_in(("report", "check", "roll_up"))
    judged_at = until + timedelta(minutes=2)

    def use_case(tx: Tx) -> None:
        tx.execute(update(placements).where(*is_at_rest).values(due_at=until))
        tx.execute(update(watches).where(is_early, is_look).values(due_at=until))
        tx.execute(update(watches).where(is_early, watches.c.kind == "roll_up").values(due_at=judged_at))

    world.write(use_case)
