"""The last half minute, second by second: what absolute stops and late failures are judged on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from staycalm.domains.deployments.analysis.size import Stratum

ERRORS, SLOW, P50, P95 = "errors", "slow", "latency-p50", "latency-p95"
METRICS = (ERRORS, SLOW, P50, P95)
_MAX_CLIENTS = 256

Row = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """Rows of (second, then candidate bad, candidate all, stable bad, stable all for each of METRICS).

    `failing` holds (second, client hash, is on candidate) of clients that failed, the latest 256.
    """

    rows: tuple[Row, ...] = ()
    failing: tuple[tuple[float, int, bool], ...] = ()


def slide(
    window: Window,
    counts: Mapping[str, tuple[float, float, float, float]],
    failing: Mapping[int, bool],
    *,
    now_s: float,
    length_s: int,
) -> Window:
    """Return the window with the counts (kc, nc, kb, nb) of this poll added and what is older dropped."""
    second = float(int(now_s))
    oldest = second - length_s
    added = [x for name in METRICS for x in counts.get(name, (0.0, 0.0, 0.0, 0.0))]
    rows = window.rows
    if rows and rows[-1][0] == second:
        rows = (*rows[:-1], (second, *(a + b for a, b in zip(rows[-1][1:], added, strict=True))))
    else:
        rows = (*rows, (second, *added))
    if rows[0][0] <= oldest:
        rows = tuple(r for r in rows if r[0] > oldest)
    kept = window.failing
    if failing or (kept and kept[0][0] <= oldest):
        kept = tuple(f for f in kept if f[0] > oldest and f[1] not in failing)
        kept = (*kept, *((second, key, on) for key, on in failing.items()))[-_MAX_CLIENTS:]
    return Window(rows, kept)


def recent(window: Window, metric: str) -> Stratum:
    """Return what the window holds for one metric."""
    at = 1 + 4 * METRICS.index(metric)
    kc, nc, kb, nb = (sum(r[at + i] for r in window.rows) for i in range(4))
    return Stratum(0.0, kc, nc, kb, nb)
