"""Questions that are asked together: each is answered by a look-up that began after it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from staycalm.kit.together import Together


class Slow:
    """Answers each look-up with its number, when it is told to."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.has_begun = asyncio.Semaphore(0)
        self.may_answer = asyncio.Semaphore(0)
        self.error: Exception | None = None

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, int]:
        self.asked.append(list(keys))
        number = len(self.asked)
        self.has_begun.release()
        await self.may_answer.acquire()
        if self.error is not None:
            raise self.error
        return dict.fromkeys(keys, number)


def test_who_asks_during_a_look_up_is_answered_by_the_next_one() -> None:
    async def story() -> None:
        slow = Slow()
        together = Together(slow.look_up)
        first = [asyncio.create_task(together.ask(key)) for key in ("a", "a", "b")]
        await slow.has_begun.acquire()
        later = [asyncio.create_task(together.ask(key)) for key in ("a", "c", "a")]
        await asyncio.sleep(0)
        slow.may_answer.release()
        assert await asyncio.gather(*first) == [1, 1, 1]
        slow.may_answer.release()
        assert await asyncio.gather(*later) == [2, 2, 2]
        assert slow.asked == [["a", "b"], ["a", "c"]]

    asyncio.run(asyncio.wait_for(story(), 60))


def test_a_failed_look_up_is_told_to_those_it_was_for_and_nobody_else() -> None:
    async def story() -> None:
        slow = Slow()
        together = Together(slow.look_up)
        slow.error = ValueError("no disk")
        slow.may_answer.release()
        told = await asyncio.gather(together.ask("a"), together.ask("b"), return_exceptions=True)
        assert [str(each) for each in told] == ["no disk", "no disk"]
        slow.error = None
        slow.may_answer.release()
        assert await together.ask("a") == 2

    asyncio.run(asyncio.wait_for(story(), 60))


def test_an_asker_that_goes_away_takes_nobody_along() -> None:
    async def story() -> None:
        slow = Slow()
        together = Together(slow.look_up)
        gone, stays = asyncio.create_task(together.ask("a")), asyncio.create_task(together.ask("a"))
        await slow.has_begun.acquire()
        gone.cancel()
        slow.may_answer.release()
        assert await stays == 1
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(asyncio.wait_for(story(), 60))
