"""Three ways to run a synchronous use case: inline (simulation), one writer thread, a pool of threads."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from staycalm.core.errors import Unavailable

R = TypeVar("R")
MAX_BATCH = 256
logger = logging.getLogger("staycalm.database")


class Executor(Protocol):
    """Runs one piece of work and answers once its transaction has ended."""

    async def run(self, work: Callable[[Any], R]) -> R: ...

    def close(self) -> None: ...


@dataclass
class _Job(Generic[R]):
    work: Callable[[Any], R]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[R]


@dataclass(frozen=True)
class Answer:
    """The end of one job: exactly one of `value` and `error` counts."""

    value: Any = None
    error: BaseException | None = None


def resolve(future: asyncio.Future[Any], answer: Answer) -> None:
    """The waiter has its answer, unless it went away."""
    if future.done():
        return
    if answer.error is not None:
        future.set_exception(answer.error)
    else:
        future.set_result(answer.value)


def closing() -> Unavailable:
    """Return the refusal of work that comes after the end."""
    return Unavailable("stopping", "this server is stopping", next_step="Try again in a moment.")


class InlineExecutor:
    """Runs at once in the caller: the coroutine never suspends, so that simulation needs no event loop."""

    def __init__(self, run_batch: Callable[[list[Callable[[Any], Any]]], list[Answer]]) -> None:
        self._run_batch = run_batch

    async def run(self, work: Callable[[Any], R]) -> R:
        (answer,) = self._run_batch([work])
        if answer.error is not None:
            raise answer.error
        return answer.value  # type: ignore[no-any-return]

    def close(self) -> None:
        return None


class WriterThread:
    """One thread that writes. Whatever queued up during a commit goes into the next one: natural batching."""

    def __init__(self, run_batch: Callable[[list[Callable[[Any], Any]]], list[Answer]]) -> None:
        self._run_batch = run_batch
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._is_closing = False
        self._thread = threading.Thread(target=self._loop, name="database-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Any], R]) -> R:
        if self._is_closing:
            raise closing()
        loop = asyncio.get_running_loop()
        job = _Job(work, loop, loop.create_future())
        self._jobs.put(job)
        return await job.future  # type: ignore[no-any-return]

    def close(self) -> None:
        self._is_closing = True
        self._jobs.put(None)
        self._thread.join(timeout=10)

    def _loop(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch = [job]
            is_last = False
            while len(batch) < MAX_BATCH and not self._jobs.empty():
                following = self._jobs.get()
                if following is None:
                    is_last = True
                    break
                batch.append(following)
            _answer_all(batch, self._answers([each.work for each in batch]))
            if is_last:
                return

    def _answers(self, works: list[Callable[[Any], Any]]) -> list[Answer]:
        try:
            return self._run_batch(works)
        except Exception as error:  # the boundary: the only writer must outlive whatever it met
            logger.exception("a batch of writes failed")
            return [Answer(error=error) for _ in works]


def _answer_all(batch: list[_Job[Any]], answers: list[Answer]) -> None:
    """Every waiter has its answer; one wake-up per event loop, not one per waiter."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Answer]]] = {}
    for job, answer in zip(batch, answers, strict=True):
        by_loop.setdefault(job.loop, []).append((job.future, answer))
    for loop, pairs in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve_all, pairs)


def _resolve_all(pairs: list[tuple[asyncio.Future[Any], Answer]]) -> None:
    for future, answer in pairs:
        resolve(future, answer)


class ThreadPool:
    """As many transactions at once as there are threads."""

    def __init__(self, run_one: Callable[[Callable[[Any], Any]], Any], threads: int, name: str) -> None:
        self._run_one = run_one
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[[Any], R]) -> R:
        loop = asyncio.get_running_loop()
        try:
            waiting = loop.run_in_executor(self._pool, self._run_one, work)
        except RuntimeError:
            raise closing() from None
        return await waiting  # type: ignore[no-any-return]

    def close(self) -> None:
        self._pool.shutdown(wait=True)
