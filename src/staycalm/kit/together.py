"""Questions that come while an answer is on its way are asked together afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
AT_ONCE = 500


class Together(Generic[K, V]):
    """Whoever asks gets an answer that was looked up after they asked, at the price of a share of one look-up.

    Nothing is remembered from one look-up to the next, so that nothing can be out of date.
    """

    def __init__(self, look_up: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._look_up = look_up
        self._waiting: list[tuple[K, asyncio.Future[V]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def ask(self, key: K) -> V:
        """Return the answer for the key; raises what the look-up raises."""
        answer: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, answer))
        if self._asking is None:
            # A task of its own: an asker that goes away must not take the others' answers along. It starts in
            # the next round of the event loop, so that everybody who came in this one is in its first look-up.
            self._asking = asyncio.create_task(self._answer_all())
        return await answer

    async def _answer_all(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                await self._answer(asked)
        finally:
            self._asking = None

    async def _answer(self, asked: Sequence[tuple[K, asyncio.Future[V]]]) -> None:
        try:
            found = await self._look_up(list(dict.fromkeys(key for key, _ in asked)))
        except Exception as error:  # noqa: BLE001 - the boundary: whoever asked gets it
            for _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
            return
        for key, answer in asked:
            if not answer.done():
                answer.set_result(found[key])
