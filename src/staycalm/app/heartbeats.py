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

CLOCKS_DIFFER_S = 5.0
"""Up to this the clocks of two servers may differ without anybody being told."""

PREFIX = "engine:"
MOST_PROCESSES = 1000


def beat(tx: Tx, holder: str) -> None:
    """The process lives for another five seconds; its first beat is told."""
    name = PREFIX + holder
    if tx.one_or_none(lease_rows.select().where(lease_rows.c.name == name)) is None:
        tx.emit(SYSTEM, EngineJoined(subject=holder))
    leases.acquire(tx, name, holder, ttl_s=HEARTBEAT_S)


def say_goodbye(tx: Tx, holder: str) -> None:
    """The process has stopped as it should; nobody misses it."""
    leases.forget(tx, PREFIX + holder)


def look_for_silent(tx: Tx, sightings: leases.Sightings) -> None:
    """A process without a beat for ten seconds of this one's own clock is told once, by whoever sees it first.

    One whose host has started another since was restarted, and is not missed. SQLite has one server: any other
    row is one's own earlier life, also under another name of the host.
    """
    sightings.look(_beats(tx))
    for name, beat in sightings.unchanged_for(SILENT_AFTER_S).items():
        if not leases.bury(tx, name, beat) or tx.dialect == "sqlite":
            continue
        last_beat_at = beat.until - timedelta(seconds=HEARTBEAT_S)
        if not _has_restarted(tx, beat.holder, last_beat_at + timedelta(seconds=BESIDE_S)):
            silent_s = sightings.unchanged_s(name)
            tx.emit(SYSTEM, EngineWentSilent(subject=beat.holder, silent_for_s=silent_s))


def _beats(tx: ReadTx) -> dict[str, leases.Held]:
    rows = tx.rows(lease_rows.select().where(lease_rows.c.name.startswith(PREFIX)).limit(MOST_PROCESSES))
    return {row.name: leases.Held(row.holder, row.until) for row in rows}


def find_step_back(tx: ReadTx) -> float | None:
    """Return by how many seconds (negative) the clock was set back while no process was there to see it, or None.

    The log and the beats of earlier lives say what time it has been before.
    """
    last_at = tx.scalar(sa.select(events.c.at).order_by(events.c.seq.desc()).limit(1))
    beats_at = [beat.until - timedelta(seconds=HEARTBEAT_S) for beat in _beats(tx).values()]
    latest = max([*beats_at, *([last_at] if last_at is not None else [])], default=tx.now)
    step_s = (tx.now - latest).total_seconds()
    return step_s if step_s < -CLOCKS_DIFFER_S else None


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
