"""One poll as arrays over its requests, and as counts (candidate bad, all, stable bad, all)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from staycalm.domains.deployments.analysis.clients import hash_clients
from staycalm.domains.deployments.analysis.figures import Poll
from staycalm.domains.deployments.analysis.latency import bucket_share_above
from staycalm.domains.deployments.analysis.state import Block
from staycalm.ports.traffic import SlotCounts

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Requests:
    """The requests of one poll, one element each; `is_settled` when it surely began at the present weight."""

    is_candidate: Bools
    is_bad: Bools
    durations_ms: Floats
    keys: NDArray[np.uint32]
    is_settled: Bools


def read_requests(poll: Poll) -> Requests:
    """Return the access log as arrays."""
    records = poll.samples.requests
    durations = np.fromiter((r.duration_ms for r in records), dtype=np.float64, count=len(records))
    began_s = poll.now_s - poll.samples.seconds - durations / 1000.0
    return Requests(
        is_candidate=np.fromiter((r.slot == poll.candidate for r in records), dtype=bool, count=len(records)),
        is_bad=np.fromiter((r.is_bad for r in records), dtype=bool, count=len(records)),
        durations_ms=durations,
        keys=hash_clients([r.client for r in records]),
        is_settled=began_s >= poll.weight_since_s,
    )


def slot_counts(poll: Poll, *, is_candidate: bool) -> SlotCounts:
    """Return the counters of one revision; zeros when it had no traffic."""
    return poll.samples.slots.get(poll.candidate if is_candidate else poll.stable, SlotCounts())


def tally(requests: Requests, is_marked_c: Bools, is_marked_b: Bools) -> Block:
    """Return the counts, with one mark for the candidate's requests and another for stable's."""
    on = requests.is_candidate
    nc = int(np.count_nonzero(on))
    return (
        float(np.count_nonzero(is_marked_c & on)),
        float(nc),
        float(np.count_nonzero(is_marked_b & ~on)),
        float(len(on) - nc),
    )


def count_above(poll: Poll, requests: Requests | None, candidate_ms: float, stable_ms: float) -> Block:
    """Return how many took longer than their threshold; not whole where a histogram bucket is split."""
    if requests is not None:
        return tally(requests, requests.durations_ms > candidate_ms, requests.durations_ms > stable_ms)
    c = slot_counts(poll, is_candidate=True).latency_buckets
    b = slot_counts(poll, is_candidate=False).latency_buckets
    return (
        bucket_share_above(c, candidate_ms),
        float(sum(n for _, n in c)),
        bucket_share_above(b, stable_ms),
        float(sum(n for _, n in b)),
    )
