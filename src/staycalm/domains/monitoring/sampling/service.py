"""Writes of measurements: samples in, rolled up to minutes and hours, and forgotten in time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from staycalm.core.placement import Placement
from staycalm.domains.monitoring.sampling import queries
from staycalm.domains.monitoring.sampling.model import hours, minutes, samples, usage, usage_hours, usage_minutes
from staycalm.domains.monitoring.sampling.queries import pack_buckets
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.domains.monitoring.signals import Counts, Usage, merge_buckets
from staycalm.domains.monitoring.uptime.model import days
from staycalm.kit.database import Tx

# A placement that was not rolled up for longer than this catches up in several steps.
MINUTES_AT_ONCE = 30
HOURS_AT_ONCE = 6
FORGET_AT_ONCE = 5000


def record_counts(tx: Tx, placement: Placement, counts: Iterable[Counts]) -> None:
    """What was counted is kept; the same slot at the same instant is counted once."""
    for each in counts:
        tx.insert_or_ignore(samples, _values(placement, each, each.at), on=_COUNT_KEY)


def record_usage(tx: Tx, placement: Placement, used: Usage) -> None:
    """What was used is kept; the same instant is kept once."""
    tx.insert_or_ignore(usage, _usage_values(placement, used, used.at), on=_USAGE_KEY)


_USAGE_KEY = ["service", "environment", "at"]
_COUNT_KEY = [*_USAGE_KEY, "slot"]


def _values(placement: Placement, counts: Counts, at: datetime) -> dict[str, Any]:
    return {
        "service": placement.service,
        "environment": placement.environment,
        "at": at,
        "slot": counts.slot,
        "seconds": counts.seconds,
        "total": counts.total,
        "client_errors": counts.client_errors,
        "server_errors": counts.server_errors,
        "timeouts": counts.timeouts,
        "resets": counts.resets,
        "active": counts.active,
        "buckets": pack_buckets(counts.buckets),
    }


def _usage_values(placement: Placement, used: Usage, at: datetime) -> dict[str, Any]:
    return {
        "service": placement.service,
        "environment": placement.environment,
        "at": at,
        "saturation": used.saturation,
        "cpu_cores": used.cpu_cores,
        "memory_bytes": used.memory_bytes,
    }


def roll_up(tx: Tx, placement: Placement, *, since: datetime | None, keep_samples_s: float) -> datetime:
    """Every whole minute since then has its rows; returns the end of the last one, `since` of the next call.

    A minute holds what ended within it: start < at <= start + 60 s. What is older than samples are kept is
    not looked for.
    """
    end = _whole_minute(tx.now)
    oldest = _whole_minute(tx.now - timedelta(seconds=keep_samples_s))
    # The clock may have been set back: then some minutes come once more.
    start = max(min(since, end), oldest) if since is not None else end - timedelta(minutes=2)
    end = min(end, start + timedelta(minutes=MINUTES_AT_ONCE))
    _merge_into(tx, placement, start, end, _TO_MINUTES)
    return max(start, end)


def _whole_minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _minute_of(at: datetime) -> datetime:
    return _whole_minute(at - timedelta(microseconds=1))


def roll_hours_up(tx: Tx, placement: Placement, *, since: datetime | None, until: datetime) -> datetime:
    """Every whole hour from `since` to `until`, the end of the last minute there is, has its rows.

    Returns the end of the last one, `since` of the next call; without `since`, what minutes hold is caught up,
    from the oldest of them on, a few hours at once.
    """
    end = _whole_hour(until)
    start = since or queries.oldest_minute(tx, placement)
    if start is None:
        return end
    start = _whole_hour(min(start, until))
    end = min(end, start + timedelta(hours=HOURS_AT_ONCE))
    if end > start:
        _merge_into(tx, placement, start, end, _TO_HOURS)
    return max(start, end)


@dataclass(frozen=True, slots=True)
class _Merging:
    """From which rows to which: counts, usage, and when the row begins that holds what ended at an instant."""

    counts: tuple[sa.Table, sa.Table]
    usage: tuple[sa.Table, sa.Table]
    begin: Callable[[datetime], datetime]


def _merge_into(tx: Tx, placement: Placement, start: datetime, end: datetime, into: _Merging) -> None:
    """What ended in start < at <= end is merged into coarser rows; again gives the same rows."""
    by_row: dict[tuple[datetime, str], list[Counts]] = {}
    for each in queries.counts_between(tx, placement, start, end, table=into.counts[0]):
        by_row.setdefault((into.begin(each.at), each.slot), []).append(each)
    for (at, _), found in by_row.items():
        tx.upsert(into.counts[1], _values(placement, _merged(found), at), on=_COUNT_KEY)
    used_in: dict[datetime, list[Usage]] = {}
    for used in queries.usage_between(tx, placement, start, end, table=into.usage[0]):
        used_in.setdefault(into.begin(used.at), []).append(used)
    for at, seen in used_in.items():
        tx.upsert(into.usage[1], _usage_values(placement, _fullest(seen), at), on=_USAGE_KEY)


def _whole_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _hour_of(at: datetime) -> datetime:
    return _whole_hour(at - timedelta(microseconds=1))


_TO_MINUTES = _Merging((samples, minutes), (usage, usage_minutes), _minute_of)
_TO_HOURS = _Merging((minutes, hours), (usage_minutes, usage_hours), _hour_of)


def _merged(found: list[Counts]) -> Counts:
    return Counts(
        at=found[-1].at,
        seconds=sum(c.seconds for c in found),
        slot=found[0].slot,
        total=sum(c.total for c in found),
        client_errors=sum(c.client_errors for c in found),
        server_errors=sum(c.server_errors for c in found),
        timeouts=sum(c.timeouts for c in found),
        resets=sum(c.resets for c in found),
        active=max(c.active for c in found),
        buckets=merge_buckets(c.buckets for c in found),
    )


def _fullest(seen: list[Usage]) -> Usage:
    return max(seen, key=lambda u: (u.saturation is not None, u.saturation or 0.0))


def forget(tx: Tx, *, settings: MonitoringSettings) -> bool:
    """Measurements past their time are gone; returns True when there may be more to forget."""
    keep = (
        (samples, settings.keep_samples_s),
        (usage, settings.keep_samples_s),
        (minutes, settings.keep_minutes_s),
        (usage_minutes, settings.keep_minutes_s),
        (hours, settings.keep_hours_s),
        (usage_hours, settings.keep_hours_s),
        (days, settings.keep_hours_s),
    )
    has_more = False
    for table, keep_s in keep:
        has_more |= _forget_rows(tx, table, tx.now - timedelta(seconds=keep_s))
    return has_more


def forget_after(tx: Tx, instant: datetime) -> None:
    """No single measurement is from later than `instant`; minutes and hours are kept until they come once more."""
    for table in (samples, usage):
        tx.execute(table.delete().where(table.c.at > instant))


def _forget_rows(tx: Tx, table: sa.Table, before: datetime) -> bool:
    """Remove the oldest rows, whole instants at a time, so that one statement stays small."""
    oldest = tx.rows(sa.select(table.c.at).where(table.c.at < before).order_by(table.c.at).limit(FORGET_AT_ONCE))
    if not oldest:
        return False
    tx.execute(table.delete().where(table.c.at <= oldest[-1].at, table.c.at < before))
    return len(oldest) == FORGET_AT_ONCE
