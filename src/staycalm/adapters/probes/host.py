"""What StayCalm itself stands on: its database answers, its disk has room."""

from __future__ import annotations

import shutil
from pathlib import Path

import sqlalchemy as sa

from staycalm import __version__
from staycalm.core.durations import format_duration
from staycalm.core.errors import Unavailable
from staycalm.kit.database import Database, ReadTx
from staycalm.ports.probes import Finding

LEAST_FREE_SHARE = 0.05
LEAST_FREE_BYTES = 500 * 1024 * 1024
SLOWEST_S = 1.0


class LocalHost:
    """Fills `ports.probes.HostHealth` for the process it runs in."""

    def __init__(self, database: Database, directory: Path) -> None:
        self._database = database
        self._directory = directory

    async def findings(self) -> tuple[Finding, ...]:
        """Return version, database and disk; never raises."""
        return (Finding("StayCalm", "ok", f"version {__version__}"), await self._database_finding(), self._disk())

    async def _database_finding(self) -> Finding:
        kind = "SQLite" if self._database.is_sqlite else "PostgreSQL"
        began = self._database.clock.monotonic()
        try:
            await self._database.read(_ask)
        except Unavailable as error:
            return Finding("database", "failed", f"{kind}: {error.message}"[:300])
        took_s = self._database.clock.monotonic() - began
        words = f"{kind} answers in {format_duration(took_s)}"
        return Finding("database", "ok" if took_s <= SLOWEST_S else "failed", words)

    def _disk(self) -> Finding:
        try:
            usage = shutil.disk_usage(self._directory)
        except OSError as error:
            return Finding("disk", "unknown", f"{self._directory}: {error.strerror}")
        share = usage.free / usage.total if usage.total else 0.0
        words = f"{share * 100:.0f} % free ({usage.free / 2**30:.1f} GiB) in {self._directory}"
        is_low = share < LEAST_FREE_SHARE or usage.free < LEAST_FREE_BYTES
        return Finding("disk", "failed" if is_low else "ok", words)


def _ask(tx: ReadTx) -> None:
    tx.scalar(sa.select(1))
