"""Traffic for the tests of the analysis: polls from plain numbers, and rollouts from a seed."""

from __future__ import annotations

import numpy as np

from staycalm.domains.deployments.analysis import (
    DEFAULT_LIMITS,
    AnalysisState,
    Judgement,
    Limits,
    Poll,
    judge,
    observe,
)
from staycalm.ports.traffic import RequestRecord, Samples, SlotCounts


def counted(
    now_s: float,
    weight: float,
    *,
    candidate: tuple[int, int] = (0, 0),
    stable: tuple[int, int] = (0, 0),
    since_s: float = 0.0,
    seconds: float = 1.0,
    counts: dict[str, tuple[int, int]] | None = None,
    candidate_ms: tuple[tuple[float, int], ...] = (),
    stable_ms: tuple[tuple[float, int], ...] = (),
) -> Poll:
    """A poll without an access log; (bad, all) per revision."""
    slots = {
        "green": SlotCounts(total=candidate[1], server_errors=candidate[0], latency_buckets=candidate_ms),
        "blue": SlotCounts(total=stable[1], server_errors=stable[0], latency_buckets=stable_ms),
    }
    return Poll(now_s, weight, since_s, "blue", "green", Samples("c", seconds, slots), counts or {})


def logged(now_s: float, weight: float, records: list[RequestRecord], *, since_s: float = 0.0) -> Poll:
    """A poll with an access log."""
    return Poll(now_s, weight, since_s, "blue", "green", Samples("c", 1.0, {}, tuple(records), True))


def request(client: str, *, on_candidate: bool, bad: bool = False, ms: float = 10.0) -> RequestRecord:
    """One request of a client."""
    return RequestRecord("green" if on_candidate else "blue", client, 500 if bad else 200, ms, bad)


def second_of_traffic(
    rng: np.random.Generator,
    now_s: float,
    weight: float,
    *,
    rps: float = 200,
    candidate_errors: float = 0.0,
    stable_errors: float = 0.0,
    slower: float = 1.0,
    since_s: float = 0.0,
    clients: int = 1_000_000,
) -> Poll:
    """A poll of one second: clients hashed to revisions, response times lognormal around 12 ms."""
    records = []
    for number in rng.integers(clients, size=rng.poisson(rps)).tolist():
        on = (number * 2654435761 % 2**32) / 2**32 * 100 < weight
        bad = rng.random() < (candidate_errors if on else stable_errors)
        ms = float(rng.lognormal(np.log(12), 0.5)) * (slower if on else 1.0)
        records.append(request(f"c{number}", on_candidate=on, bad=bad, ms=ms))
    return logged(now_s, weight, records, since_s=since_s)


def follow(
    state: AnalysisState, polls: list[Poll], limits: Limits = DEFAULT_LIMITS
) -> tuple[AnalysisState, list[Judgement]]:
    """Look at every poll, as the product does."""
    verdicts = []
    for poll in polls:
        state = observe(state, poll, limits)
        verdicts.append(judge(state, limits))
    return state, verdicts
