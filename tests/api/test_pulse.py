"""What changes without an event is drawn from time to time, and not again right after a stream began with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from staycalm.app.live_pages import REFRESH_S, Pulse
from staycalm.kit.database import Database
from staycalm.kit.ids import Ids
from staycalm.kit.live import LiveHub
from tests.conftest import VirtualClock

# A batch is sent in the order of the names: whatever was touched of the first is there before the second.
FIGURES, OTHER = "alerts:open", "incidents:open"


async def _next(stream: AsyncIterator[bytes]) -> str:
    """Return the topic of the next fragment."""
    async for sent in stream:
        if b"data: drawn" in sent:
            return sent.split(b"event: ")[1].partition(b"\n")[0].decode()
    raise AssertionError("the stream ended")


def test_what_a_stream_began_with_is_drawn_again_when_its_time_has_come_and_not_before(
    clock: VirtualClock,
) -> None:
    async def draw(_key: str) -> str:
        return "drawn"

    async def watch(database: Database) -> None:
        hub, stopping = LiveHub({"alerts": draw, "incidents": draw}), asyncio.Event()
        pulse = Pulse(database, hub)
        async with asyncio.TaskGroup() as group:
            group.create_task(hub.run(stopping))
            await asyncio.sleep(0)
            stream = hub.stream(frozenset({FIGURES, OTHER}))
            assert {await _next(stream), await _next(stream)} == {FIGURES, OTHER}
            await pulse.look()
            hub.touch(OTHER)
            assert await _next(stream) == OTHER
            clock.advance(seconds=REFRESH_S["alerts"])
            await pulse.look()
            assert await _next(stream) == FIGURES
            stopping.set()

    # The machine has been running for a while.
    clock.advance(hours=1)
    database = Database("sqlite://", clock, Ids.seeded(clock, 1), inline=True)
    asyncio.run(watch(database))
    database.close()
