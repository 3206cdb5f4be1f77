"""Being woken by other processes' commits on PostgreSQL; while that does not work, the engine polls faster."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

import psycopg
from psycopg.conninfo import make_conninfo

from staycalm.kit.database.connect import POSTGRES_LIVENESS

logger = logging.getLogger("staycalm.database.listen")
CHANNEL = "staycalm"
RETRY_S = 1.0
CHECK_S = 5.0


async def listen(
    url: str, stopping: asyncio.Event, *, wake: Callable[[], None], healthy: Callable[[bool], None]
) -> None:
    """Call `wake` at every NOTIFY until `stopping`; `healthy(False)` while the connection is lost."""
    listening = asyncio.create_task(_listen_for_ever(url, wake, healthy))
    ended = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({listening, ended}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended.cancel()
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening


async def _listen_for_ever(url: str, wake: Callable[[], None], healthy: Callable[[bool], None]) -> None:
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(
                make_conninfo(_plain(url), application_name="staycalm-listen", **POSTGRES_LIVENESS),
                autocommit=True,
            ) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                healthy(True)
                wake()
                await _hear(connection, wake)
        except (psycopg.Error, OSError) as error:
            logger.warning("listening for commits failed", extra={"reason": type(error).__name__})
        healthy(False)
        await asyncio.sleep(RETRY_S)


async def _hear(connection: psycopg.AsyncConnection[tuple[object, ...]], wake: Callable[[], None]) -> None:
    """Wake at each notification; a silent connection is asked every few seconds whether it still lives."""
    while True:
        is_silent = True
        async for _ in connection.notifies(timeout=CHECK_S, stop_after=1):
            wake()
            is_silent = False
        if is_silent:
            async with asyncio.timeout(CHECK_S):
                await connection.execute("SELECT 1")


def _plain(url: str) -> str:
    scheme, _, rest = url.partition(":")
    return f"postgresql:{rest}" if scheme.startswith("postgresql") else url
