"""Counting what happened in each slot: cumulative statistics, and differences between two readings. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from staycalm.adapters.envoy.clusters import SLOTS, candidate_cluster, fallback_cluster, stable_cluster
from staycalm.adapters.envoy.files import Json
from staycalm.core.placement import Placement
from staycalm.ports.errors import OutsideUnavailable
from staycalm.ports.traffic import Slot, SlotCounts

_COUNTERS = ("upstream_rq_completed", "upstream_rq_4xx", "upstream_rq_5xx", "upstream_rq_timeout")
_RESET = "upstream_rq_rx_reset"
_GAUGES = ("upstream_rq_active", "upstream_rq_pending_active")
_HISTOGRAM = "upstream_rq_time"
_LONGEST_MS = 3_600_000


class Reading(msgspec.Struct, frozen=True):
    """Cumulative values of one slot since the proxy's start; `buckets` are cumulative over their bounds too."""

    total: int = 0
    client_errors: int = 0
    server_errors: int = 0
    timeouts: int = 0
    resets: int = 0
    active: int = 0
    buckets: tuple[tuple[float, int], ...] = ()


class Cursor(msgspec.Struct, frozen=True):
    """Where a reader was: which proxy process, when, how far in the access log, and the values then.

    `others` are those of the further proxies of a pair.
    """

    process: str
    at_s: float
    position: int
    slots: dict[Slot, Reading]
    others: tuple[Cursor, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """What lies between two readings of one slot."""

    counts: SlotCounts
    was_reset: bool


@dataclass(frozen=True, slots=True)
class Statistics:
    """The proxy's answer: numbers by name, and histograms by name."""

    values: Mapping[str, int] = field(default_factory=dict)
    histograms: Mapping[str, tuple[tuple[float, int], ...]] = field(default_factory=dict)


def wanted(placement: Placement) -> str:
    """Return the pattern of the statistics that `readings` needs, and no other."""
    names = "|".join((*_COUNTERS, _RESET, *_GAUGES, _HISTOGRAM))
    return rf"^cluster\.{re.escape(str(placement))}/[a-z/]+\.({names})$"


def _buckets(rows: Iterable[Json]) -> tuple[tuple[float, int], ...]:
    return tuple((float(row["upper_bound"]), int(row["cumulative"])) for row in rows)


def parse_statistics(answer: Json) -> Statistics:
    """Return the numbers of `/stats?format=json&histogram_buckets=cumulative`. Raises OutsideUnavailable."""
    values: dict[str, int] = {}
    histograms: dict[str, tuple[tuple[float, int], ...]] = {}
    try:
        for row in answer.get("stats", []):
            if isinstance(row.get("value"), int):
                values[row["name"]] = row["value"]
            for one in row.get("histograms", ()):
                histograms[one["name"]] = _buckets(one.get("buckets", ()))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise OutsideUnavailable("the proxy's statistics cannot be understood") from None
    return Statistics(values, histograms)


def _added(parts: list[tuple[tuple[float, int], ...]]) -> tuple[tuple[float, int], ...]:
    sums: dict[float, int] = {}
    for part in parts:
        for bound, count in part:
            sums[bound] = sums.get(bound, 0) + count
    return tuple(sorted(sums.items()))


def _read_slot(statistics: Statistics, placement: Placement, slot: Slot) -> Reading:
    # Answers to users are counted where their route leads; connections where the instances are.
    answered = (stable_cluster(placement, slot), fallback_cluster(placement, slot))
    connected = (stable_cluster(placement, slot), candidate_cluster(placement, slot))

    def summed(clusters: tuple[str, str], *names: str) -> int:
        return sum(statistics.values.get(f"cluster.{c}.{name}", 0) for c in clusters for name in names)

    return Reading(
        total=summed(answered, "upstream_rq_completed"),
        client_errors=summed(answered, "upstream_rq_4xx"),
        server_errors=summed(answered, "upstream_rq_5xx"),
        timeouts=summed(answered, "upstream_rq_timeout"),
        resets=summed(connected, _RESET),
        active=summed(connected, *_GAUGES),
        buckets=_added([statistics.histograms.get(f"cluster.{c}.{_HISTOGRAM}", ()) for c in answered]),
    )


def readings(statistics: Statistics, placement: Placement) -> dict[Slot, Reading]:
    """Return the cumulative values of both slots; a counter the proxy has not used yet is 0."""
    return {slot: _read_slot(statistics, placement, slot) for slot in SLOTS}


def _per_bucket(buckets: tuple[tuple[float, int], ...]) -> tuple[tuple[float, int], ...]:
    """Return counts in each bucket instead of up to each bound; the last bound stands for infinity."""
    counts, below = [], 0
    for bound, cumulative in buckets:
        counts.append((float("inf") if bound >= _LONGEST_MS else bound, cumulative - below))
        below = cumulative
    return tuple(counts)


def together(parts: Iterable[SlotCounts]) -> SlotCounts:
    """Return the sums, bucket by bucket."""
    found = list(parts)
    names = ("total", "client_errors", "server_errors", "timeouts", "resets", "active")
    return SlotCounts(
        **{name: sum(getattr(one, name) for one in found) for name in names},
        latency_buckets=_added([one.latency_buckets for one in found]),
    )


def difference(before: Reading, now: Reading, *, is_same_process: bool) -> Difference:
    """Return what happened between two readings.

    A new process, or any value that went down, is a reset: then everything since the restart is the difference.
    """
    ups = ("total", "client_errors", "server_errors", "timeouts", "resets")
    was_reset = not is_same_process or any(getattr(now, name) < getattr(before, name) for name in ups)
    old = Reading() if was_reset else before
    old_buckets = dict(old.buckets)
    grown = tuple((bound, count - old_buckets.get(bound, 0)) for bound, count in now.buckets)
    return Difference(
        SlotCounts(
            **{name: getattr(now, name) - getattr(old, name) for name in ups},
            active=now.active,
            latency_buckets=_per_bucket(grown),
        ),
        was_reset,
    )
