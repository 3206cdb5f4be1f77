"""Being woken by other processes' commits on PostgreSQL; while that does not work, the engine polls faster."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

import psycopg

logger = logging.getLogger("staycalm.database.listen")
CHANNEL = "staycalm"
RETRY_S = 1.0
CHECK_S = 5.0


async def listen(
    url: str, stopping: asyncio.Event, *, wake: Callable[[], None], healthy: Callable[[bool], None]
) -> None:
    """Call `wake` at every NOTIFY until `stopping`; `healthy(False)` while the connection is lost."""
    while not stopping.is_set():
        try:
            async with await psycopg.AsyncConnection.connect(
                _plain(url), autocommit=True, connect_timeout=5
            ) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                healthy(True)
                wake()
                await _hear(connection, stopping, wake)
        except (psycopg.Error, OSError) as error:
            logger.warning("listening for commits failed", extra={"reason": type(error).__name__})
        healthy(False)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), RETRY_S)


async def _hear(
    connection: psycopg.AsyncConnection[tuple[object, ...]], stopping: asyncio.Event, wake: Callable[[], None]
) -> None:
    """Wake at each notification; a silent connection is asked every few seconds whether it still lives."""
    while not stopping.is_set():
        async for _ in connection.notifies(timeout=CHECK_S, stop_after=1):
            wake()
        async with asyncio.timeout(CHECK_S):
            await connection.execute("SELECT 1")


def _plain(url: str) -> str:
    scheme, _, rest = url.partition(":")
    return f"postgresql:{rest}" if scheme.startswith("postgresql") else url
