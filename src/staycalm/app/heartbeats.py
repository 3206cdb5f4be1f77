"""Which server processes live: each has a lease of five seconds; one that stops without goodbye is told once."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from staycalm.core.actor import SYSTEM
from staycalm.core.self_events import EngineJoined, EngineWentSilent
from staycalm.kit.database import ReadTx, Tx, leases
from staycalm.kit.database.tables import events
from staycalm.kit.database.tables import leases as lease_rows

HEARTBEAT_S = 5.0
SILENT_AFTER_S = 10.0
BESIDE_S = 1.0
"""Nobody starts in less than a second: who joins so soon after a beat was started beside whoever gave it."""

PREFIX = "engine:"


def beat(tx: Tx, holder: str) -> None:
    """The process lives for another five seconds; its first beat is told."""
    name = PREFIX + holder
    if tx.one_or_none(lease_rows.select().where(lease_rows.c.name == name)) is None:
        tx.emit(SYSTEM, EngineJoined(subject=holder))
    leases.acquire(tx, name, holder, ttl_s=HEARTBEAT_S)


def say_goodbye(tx: Tx, holder: str) -> None:
    """The process has stopped as it should; nobody misses it."""
    leases.forget(tx, PREFIX + holder)


def look_for_silent(tx: Tx) -> None:
    """A process without a beat for ten seconds is told once, by whoever sees it first.

    One whose host has started another since was restarted, and is not missed. SQLite has one server: any other
    row is one's own earlier life, also under another name of the host.
    """
    silent_since = tx.now - timedelta(seconds=SILENT_AFTER_S - HEARTBEAT_S)
    gone = lease_rows.delete().where(lease_rows.c.name.startswith(PREFIX), lease_rows.c.until < silent_since)
    for row in tx.execute(gone.returning(lease_rows.c.holder, lease_rows.c.until)).all():
        last_beat_at = row.until - timedelta(seconds=HEARTBEAT_S)
        if tx.dialect != "sqlite" and not _has_restarted(
            tx, row.holder, last_beat_at + timedelta(seconds=BESIDE_S)
        ):
            silent_s = (tx.now - last_beat_at).total_seconds()
            tx.emit(SYSTEM, EngineWentSilent(subject=row.holder, silent_for_s=silent_s))


def _has_restarted(tx: ReadTx, holder: str, since: datetime) -> bool:
    # A process is named host:process:chance.
    host = holder.partition(":")[0]
    joined = (
        sa.select(events.c.seq)
        .where(
            events.c.name == EngineJoined.name,
            events.c.at > since,
            events.c.subject.startswith(f"{host}:", autoescape=True),
        )
        .limit(1)
    )
    return tx.scalar(joined) is not None
