"""Reports that arrive while a commit is in progress go together into the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from staycalm.core.actor import Actor
from staycalm.core.errors import Unavailable
from staycalm.domains.alerts.decisions import Report
from staycalm.domains.alerts.intake.service import Taken, Told, take
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.kit.database import Database

WAITING_LIMIT = 20_000
AT_ONCE = 2_000


class Collector:
    """Nobody waits on purpose: the commit in progress is the window. One transaction is under way at a time."""

    def __init__(self, database: Database, settings: AlertsSettings) -> None:
        self._database = database
        self._settings = settings
        self._waiting: list[tuple[Sequence[Told], asyncio.Future[list[Taken]]]] = []
        self._draining: asyncio.Task[None] | None = None

    async def submit(self, told: Sequence[Told]) -> list[Taken]:
        """Return what became of the reports, after the commit. Raises Unavailable; then nothing was kept."""
        if sum(len(each) for each, _ in self._waiting) + len(told) > WAITING_LIMIT:
            raise Unavailable(
                "too-many-reports",
                "more reports wait than can be taken in",
                next_step="Send them again in a moment; none of them was kept.",
            )
        answer: asyncio.Future[list[Taken]] = asyncio.get_running_loop().create_future()
        self._waiting.append((told, answer))
        if self._draining is None:
            # A task of its own: a client that hangs up must not take the others' reports along.
            self._draining = asyncio.create_task(self._drain())
        return await answer

    async def open(self, actor: Actor, report: Report) -> str:
        """Return the id of the alert that the firing report opened or concerns, after the commit."""
        (taken,) = await self.submit([Told(actor, report)])
        assert taken.alert_id is not None, "a firing report always has an alert"
        return taken.alert_id

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._commit(self._next_batch())
        finally:
            self._draining = None

    def _next_batch(self) -> list[tuple[Sequence[Told], asyncio.Future[list[Taken]]]]:
        batch = [self._waiting.pop(0)]
        many = len(batch[0][0])
        while self._waiting and many + len(self._waiting[0][0]) <= AT_ONCE:
            many += len(self._waiting[0][0])
            batch.append(self._waiting.pop(0))
        return batch

    async def _commit(self, batch: list[tuple[Sequence[Told], asyncio.Future[list[Taken]]]]) -> None:
        together = [one for told, _ in batch for one in told]
        try:
            answers = await self._database.write(take, together, settings=self._settings)
        except Exception as error:  # noqa: BLE001 - the request boundary: each request gets its own answer
            if len(batch) == 1:
                _fail(batch[0][1], error)
                return
            for each in batch:
                await self._commit([each])
            return
        start = 0
        for told, answer in batch:
            if not answer.done():
                answer.set_result(answers[start : start + len(told)])
            start += len(told)


def _fail(answer: asyncio.Future[list[Taken]], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
