"""What other domains may call. `tx` first.

golden_signals(tx, placement, *, window_s=60, slot=None) -> Signals | None    None: nothing measured in the window
signals_between(tx, placement, since, until) -> tuple[Signals, ...]    from the one-minute rows
is_firing(tx, rule, service, environment, *, is_locked=False) -> bool
find_latest(tx) -> HealthReport | None
Outside, RunningRevision, Deployed: what wiring fills in
"""

from __future__ import annotations

from staycalm.core.placement import Placement
from staycalm.domains.monitoring.conditions.queries import is_firing
from staycalm.domains.monitoring.outside import Outside
from staycalm.domains.monitoring.questions import Deployed, RunningRevision
from staycalm.domains.monitoring.reporting.decisions import HealthReport
from staycalm.domains.monitoring.reporting.queries import find_latest
from staycalm.domains.monitoring.rules import Rule
from staycalm.domains.monitoring.sampling import queries as sampling
from staycalm.domains.monitoring.sampling.past import signals_between
from staycalm.domains.monitoring.signals import Signals
from staycalm.kit.database import ReadTx
from staycalm.ports.probes import Finding

__all__ = [
    "Deployed",
    "Finding",
    "HealthReport",
    "Outside",
    "Rule",
    "RunningRevision",
    "Signals",
    "find_latest",
    "golden_signals",
    "is_firing",
    "signals_between",
]


def golden_signals(
    tx: ReadTx, placement: Placement, *, window_s: float = sampling.DEFAULT_WINDOW_S, slot: str | None = None
) -> Signals | None:
    """Return the signals of the last `window_s` seconds (at most 900); None when nothing was measured in them."""
    window = sampling.window(tx, placement, min(window_s, sampling.FINE_WINDOW_S), slot=slot)
    if not window.counts and not window.usage:
        return None
    return window.signals(now=tx.now, window_s=window_s)
