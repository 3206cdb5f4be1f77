"""Random weeks: a seed decides what people do and what breaks; a week that fails is told as its shortest story."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from staycalm.core.errors import StayCalmError
from staycalm.domains.alerts.muting import service as muting
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.domains.oncall.schedules.service import add_override
from staycalm.ports.errors import OutsideUnavailable, Rejected
from tests.scenarios.organisation import RARELY_WATCHED
from tests.scenarios.quiet import pass_until
from tests.scenarios.simulation import SLOW
from tests.scenarios.world import SHOP, World

BOUTS_A_DAY = 0.6
MEAN_BOUT_S = 1800.0
FEWEST, MEAN_FURTHER = 2, 6.0
PEOPLE = ("alice", "bob", "carol")
UNHURRIED = DeploymentsSettings(
    poll_fast_s=10.0, poll_s=30.0, save_every_s=120.0, health_poll_s=30.0, steady_s=7200.0, latency_grace_s=30.0
)


@dataclass(frozen=True)
class Happening:
    """Something that happens `at` seconds after the beginning; `luck` (0-1) decides its details."""

    at: float
    what: str
    luck: float

    def __str__(self) -> str:
        return f"{timedelta(seconds=round(self.at))} {self.what} ({self.luck:.3f})"


def plan(seed: int, *, days: float, many: int | None = None) -> list[Happening]:
    """Return what will happen in the seed's week: trouble comes in bouts, and somebody ends each of them.

    Without `many` most weeks have a handful of happenings, one in a hundred has thirty or more.
    """
    dice = random.Random(seed)
    if many is None:
        many = FEWEST + round(dice.expovariate(1.0 / MEAN_FURTHER))
    whats, weights = zip(*((name, weight) for name, (weight, _) in HAPPENINGS.items()), strict=True)
    end = days * 86400.0
    bouts: dict[float, float] = {dice.random() * end: 0.0 for _ in range(max(1, round(days * BOUTS_A_DAY)))}
    found = []
    for _ in range(many):
        begin = dice.choice(list(bouts))
        at = begin + dice.expovariate(1.0 / MEAN_BOUT_S)
        bouts[begin] = max(bouts[begin], at)
        found.append(Happening(min(at, end), dice.choices(whats, weights)[0], dice.random()))
    found += [Happening(min(at + 600.0, end), END_OF_BOUT, dice.random()) for at in bouts.values() if at]
    return sorted(found, key=lambda each: each.at)


def live_through(seed: int, happenings: Sequence[Happening], *, days: float) -> World:
    """Return the world at the end of its week, in which every invariant held; raises AssertionError."""
    dice = random.Random(seed + 1)
    has_two_servers = dice.random() < 0.2
    world = World(seed=seed, deployments=UNHURRIED, settings=SLOW, is_slow=has_two_servers)
    try:
        if has_two_servers:
            world.second_engine()
        for person in PEOPLE:
            if dice.random() < 0.6:
                world.answers_after(person, dice.choice((30.0, 240.0, 900.0)))
        world.start(RARELY_WATCHED)
        world.deploy("shop", "v0")
        world.fast_forward(minutes=2)
        world.visitors(dice.choice((0.0, 2.0, 20.0)))
        start = world.clock.now()
        for each in happenings:
            pass_until(world, start + timedelta(seconds=each.at + world.clock.stepped_s))
            with suppress(StayCalmError):
                HAPPENINGS[each.what][1](world, each.luck)
            world.settle()
        pass_until(world, start + timedelta(days=days, seconds=world.clock.stepped_s))
        _calm_down(world)
        world.close()
    except BaseException:
        world.database.close()
        raise
    return world


def _calm_down(world: World) -> None:
    """Everything works again and nobody does anything for hours: nothing may be left in between."""
    world.database.dies_at.clear()
    for process in world.processes:
        process.effects_s.clear()
    _revive(world, 0.0)
    pass_until(world, world.clock.now() + timedelta(hours=3))
    # A late sign may have paged again just before the end.
    for _ in range(3):
        if any(e.state == "escalating" for e in world.open_escalations()):
            world.fast_forward(hours=1)
    newest = world.newest()
    stuck = newest.state not in ("completed", "rolled-back", "aborted") and not newest.is_frozen
    assert not stuck, f"{newest.id} is still {newest.state}"
    escalating = [e for e in world.open_escalations() if e.state == "escalating"]
    assert not escalating, f"still escalating: {escalating}"


def shortest(happenings: list[Happening], fails: Callable[[list[Happening]], bool]) -> list[Happening]:
    """Return happenings none of which can be left out without the failure going away (delta debugging)."""
    size = max(1, len(happenings) // 2)
    while happenings:
        for start in range(0, len(happenings), size):
            fewer = happenings[:start] + happenings[start + size :]
            if fails(fewer):
                happenings = fewer
                break
        else:
            if size == 1:
                return happenings
            size = max(1, size // 2)
    return happenings


def failure(seed: int, happenings: Sequence[Happening], *, days: float) -> str | None:
    """Return what went wrong in this week, None when nothing did."""
    try:
        live_through(seed, happenings, days=days)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is the finding
        return f"{type(error).__name__}: {error}"
    return None


def tell_failure(seed: int, *, days: float, many: int | None = None) -> str | None:
    """Return the shortest story of the seed's failure, None when its week passes."""
    week = plan(seed, days=days, many=many)
    first = failure(seed, week, days=days)
    if first is None:
        return None
    minimal = shortest(week, lambda fewer: failure(seed, fewer, days=days) is not None)
    told = failure(seed, minimal, days=days) or first
    story = "\n".join(map(str, minimal))
    return f"seed {seed} fails with only this:\n{story}\n\n{told}"


# What may happen


def _deploy(world: World, luck: float) -> None:
    kinds: tuple[dict[str, Any], ...] = (
        {}, {}, {}, {"error_rate": 0.3}, {"error_rate": 0.02}, {"slowdown": 0.6}, {"never_ready": True},
        {"cold_for_s": 40.0, "cold_ms": 80.0}, {"error_rate": 0.3, "rollback_safe": False},
        {"error_rate": 0.5, "errors_after_s": 300.0},
    )  # fmt: skip
    world.deploy("shop", f"v{luck}", strategy=("sop", "instant", None)[int(luck * 97) % 3], **_pick(kinds, luck))


def _decide(world: World, luck: float) -> None:
    verb = _pick(("roll_back", "pause", "resume", "promote", "abort"), luck)
    world.ask(verb, **({} if verb == "resume" else {"reason": "somebody felt like it"}))


def _die(world: World, luck: float) -> None:
    serving = [name for name, share in world.outside.proxy.shares(SHOP).items() if share > 0]
    alive = [name for name in serving if name in world.outside.machine.running()]
    if alive:
        world.outside.machine.kill(_pick(tuple(alive), luck))


def _revive(world: World, _luck: float) -> None:
    for name in world.outside.machine.running():
        world.outside.machine.heal(name)
    world.outside.recover("shop")


def _suffer(world: World, luck: float) -> None:
    world.outside.suffer("shop", **_pick(({"error_rate": 0.1}, {"error_rate": 0.03}, {"median_ms": 3000.0}), luck))


def _mail(world: World, luck: float) -> None:
    error = _pick((OutsideUnavailable("connection refused"), Rejected("550 no such mailbox")), luck)
    if luck * 10 % 1 < 0.3:
        world.outside.email.lose(times=1 + int(luck * 5))
    else:
        world.outside.email.fail(error, times=1 + int(luck * 10))


def _hang(world: World, luck: float) -> None:
    name = _pick(("oncall.notifications", ""), luck)
    for process in world.processes:
        process.effects_s = {name: 20.0} if name else {}


def _proxy(world: World, luck: float) -> None:
    method = _pick(("set_split", "observe", "samples", "roll_back", "ensure"), luck)
    if luck * 10 % 1 < 0.5:
        world.outside.proxy.fail(method, OutsideUnavailable("no answer"), times=1 + int(luck * 5))
    else:
        world.outside.proxy.lose(method, times=1 + int(luck * 3))


def _crash(world: World, luck: float) -> None:
    world.crash_at_write(1 + int(luck * 40), "before" if luck * 100 % 1 < 0.5 else "after")


def _refuse(world: World, luck: float) -> None:
    with world.database_refusing():
        world.fast_forward(seconds=5 + 55 * luck)


def _clock(world: World, luck: float) -> None:
    """Half of the times in the middle of a rollout, where nothing else runs."""
    if luck * 100 % 1 < 0.5 and world.newest().finished_at is not None:
        world.deploy("shop", f"v{luck}")
        world.fast_forward(seconds=30 + 180 * (luck * 1000 % 1))
    world.step_clock((luck - 0.5) * 7200)


def _declare(world: World, luck: float) -> None:
    world.declare("somebody says so", _pick(("P0", "P1", "P2"), luck), service="shop" if luck < 0.8 else None)


def _respond(world: World, luck: float) -> None:
    incidents = world.incidents()
    if not incidents:
        return
    verb = _pick(("acknowledge", "mitigate", "resolve", "resolve", "reopen"), luck)
    world.respond(verb, _pick(PEOPLE, luck), _pick(tuple(incidents[-3:]), luck).id)


def _mute(world: World, luck: float) -> None:
    until = world.clock.now() + timedelta(hours=1 + 8 * luck)
    settings = world.settings.alerts
    named = {"reason": "we know", "until": until, "settings": settings}
    if luck < 0.5:
        world.write(muting.create_silence, world.actor("alice"), matchers=["service=shop"], **named)
    else:
        world.write(muting.start_maintenance, world.actor("alice"), service="shop", environment=None, **named)


def _stand_in(world: World, luck: float) -> None:
    until = world.clock.now() + timedelta(hours=1 + 30 * luck)
    world.write(
        add_override, world.actor("alice"), schedule="platform", role=_pick(("primary", "secondary"), luck),
        person=_pick(PEOPLE, luck), starts_at=None, ends_at=until,
    )  # fmt: skip


def _pick(choices: Sequence[Any], luck: float) -> Any:
    return choices[int(luck * 997) % len(choices)]


def _end_bout(world: World, luck: float) -> None:
    _revive(world, luck)
    for process in world.processes:
        process.effects_s = {}
    verbs = ("roll_back", "promote", "abort")
    for n in range(len(verbs)):
        if world.newest().finished_at is None:
            with suppress(StayCalmError):
                world.ask(_pick(verbs, luck + n / 997), reason="it is late")


END_OF_BOUT = "somebody puts things right"
HAPPENINGS: dict[str, tuple[float, Callable[[World, float], None]]] = {
    "somebody deploys": (6, _deploy),
    "somebody decides about the rollout": (4, _decide),
    "a program dies": (2, _die),
    "everything recovers": (4, _revive),
    "the shop suffers": (2, _suffer),
    "mail fails": (3, _mail),
    "mail hangs, or hangs no more": (2, _hang),
    "the proxy fails": (3, _proxy),
    "the server will die": (6, _crash),
    "nothing can be committed for a while": (2, _refuse),
    "the clock is set": (1, _clock),
    "somebody declares an incident": (4, _declare),
    "somebody responds": (6, _respond),
    "somebody mutes the shop": (1, _mute),
    "somebody stands in": (2, _stand_in),
    END_OF_BOUT: (0, _end_bout),
}
