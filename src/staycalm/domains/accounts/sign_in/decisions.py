"""How long a guess has to wait, and whether a session still holds. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST_DELAY_S = 30.0
LONGEST_WAIT_S = 60.0
FORGOTTEN_AFTER_S = 900.0
TOUCH_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Tries:
    """Tries since the last success under one key. `next_at` is when the following one may be checked."""

    count: int
    last_at: datetime
    next_at: datetime


@dataclass(frozen=True, slots=True)
class Pace:
    """`free` tries wait for nothing, then delays double from one second up to `longest_s`.

    With `is_queue` concurrent tries wait for one another; without, each waits the delay alone, so that
    strangers who guess at a name from elsewhere cannot keep its owner out.
    """

    free: int
    longest_s: float = LONGEST_DELAY_S
    is_queue: bool = True


FROM_HERE = Pace(free=3)
FROM_ADDRESS = Pace(free=20)
ANYWHERE = Pace(free=10, longest_s=5.0, is_queue=False)


def delay_after(count: int, pace: Pace) -> float:
    """Return the seconds that must pass after the try number `count` before the next is checked."""
    over = count - pace.free
    return 0.0 if over < 0 else float(min(2 ** min(over, 16), pace.longest_s))


def take_turn(tries: Tries, now: datetime, pace: Pace) -> tuple[float, Tries]:
    """Return how many seconds this try waits, and what to remember."""
    if now - tries.last_at > timedelta(seconds=FORGOTTEN_AFTER_S):
        tries = Tries(0, now, now)
    count = tries.count + 1
    if pace.is_queue:
        turn = max(now, tries.next_at)
        following = turn + timedelta(seconds=delay_after(count, pace))
    else:
        turn = now + timedelta(seconds=delay_after(tries.count, pace))
        following = now
    return (turn - now).total_seconds(), Tries(count, now, following)


def neighbourhood(address: str) -> str:
    """Return what counts as one address: itself, or the /64 of an IPv6 one: one host may take any in it."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped or ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))


def holds(
    now: datetime, *, expires_at: datetime, last_seen_at: datetime, ended_at: datetime | None, idle_s: float
) -> bool:
    """Return whether a session is good: not ended, within its absolute end, used within the idle time."""
    return ended_at is None and now < expires_at and now - last_seen_at < timedelta(seconds=idle_s)
