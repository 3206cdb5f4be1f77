"""The edge: who may drive the proxy and the processes of this data directory.

Only a process that shares the proxy's data directory can write its files. The lock file says which of
those does now; the database says which data directory is the edge at all, so that a second server on
another machine runs everything else and leaves traffic alone.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from datetime import timedelta

from staycalm.app.outside import Outside
from staycalm.core.errors import Unavailable
from staycalm.domains.deployments.adoption import adopt_revisions
from staycalm.kit.database import Database, Tx, leases
from staycalm.kit.directory import DataDirectory

logger = logging.getLogger("staycalm.app.edge")
HOME = "edge-home"
NEVER_EXPIRES_S = timedelta(days=36500).total_seconds()


class Edge:
    """Held or not. A process that does not hold it tries again every two seconds."""

    def __init__(self, directory: DataDirectory, database: Database, outside: Outside) -> None:
        self._directory = directory
        self._database = database
        self._outside = outside
        self._lock: int | None = None

    def is_held(self) -> bool:
        return self._lock is not None

    async def take(self) -> bool:
        """Return whether this process drives the edge now; if so, the proxy and the processes are adopted."""
        if self._lock is not None:
            return True
        lock = self._directory.try_lock("edge")
        if lock is None:
            return False
        try:
            fence = await self._database.write(self._claim_home)
        except Unavailable:
            fence = None
        if fence is None:
            os.close(lock)
            return False
        await self._outside.take_edge()
        orphans = await adopt_revisions(self._database, self._outside.targets)
        self._lock = lock
        logger.info("this process drives the edge", extra={"orphans": ", ".join(orphans) or "none"})
        return True

    def _claim_home(self, tx: Tx) -> int | None:
        return leases.acquire(tx, HOME, self._home_id(), ttl_s=NEVER_EXPIRES_S)

    def _home_id(self) -> str:
        file = self._directory.path / "edge-id"
        if not file.exists():
            self._directory.write_private("edge-id", self._database.ids.uuid())
        return file.read_text(encoding="utf-8").strip()

    async def keep(self, stopping: asyncio.Event) -> None:
        """Until `stopping`: take the edge over when its holder is gone; start the proxy, tell of its ends."""
        while not stopping.is_set():
            if self._lock is None:
                await self.take()
            elif self._outside.proxy_problem is not None:
                await self._outside.take_edge()
            self._outside.follow_proxy()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 2.0)

    def release(self) -> None:
        """Another process may take the edge."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
