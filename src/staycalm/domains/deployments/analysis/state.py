"""Everything the analysis remembers between two polls, as values that survive a restart."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from staycalm.domains.deployments.analysis.clients import Clients, dump_clients, load_clients, no_clients
from staycalm.domains.deployments.analysis.evidence import ERROR_STEPS, RATIO_ODDS, Evidence, new_evidence
from staycalm.domains.deployments.analysis.latency import Sketch, new_sketch
from staycalm.domains.deployments.analysis.limits import Unit
from staycalm.domains.deployments.analysis.size import Stratum
from staycalm.domains.deployments.analysis.window import Window

VERSION = 1
Block = tuple[float, float, float, float]
EMPTY_BLOCK: Block = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class MetricState:
    """One metric: its evidence, the open block of counts, and the counts per weight step.

    `block` is (kc, nc, kb, nb) not yet bet on. `strata` measure the size (for latencies with the candidate's
    threshold raised by the gate), `tested` are the observations the evidence is made of.
    `bad_at_proof` is how many bad observations the candidate had when the evidence was reached, at the weight
    `proven_at_weight`.
    """

    evidence: Evidence
    block: Block = EMPTY_BLOCK
    strata: tuple[Stratum, ...] = ()
    tested: tuple[Stratum, ...] = ()
    bad_at_proof: int | None = None
    proven_at_weight: float | None = None


@dataclass(frozen=True, slots=True)
class Taus:
    """The response times (ms) that about 50 % and 5 % of stable's requests exceed, and the true shares."""

    at_s: float
    learned_from: float
    p50_ms: float
    p50_share: float
    p95_ms: float
    p95_share: float


@dataclass(frozen=True, slots=True)
class AnalysisState:
    """The analysis of one deployment so far.

    `live_since_s` is when the candidate first got clients. `baseline` is (bad, all) of stable's requests, past
    polls only. `alone` holds stable's response times from before the candidate had clients, when stable carried
    everything. The three `Clients` remember who was counted already for errors, for response time, and for
    the share of traffic.
    """

    errors: MetricState
    p50: MetricState
    p95: MetricState
    counts: dict[str, MetricState] = field(default_factory=dict)
    ratio: Evidence = field(default_factory=lambda: new_evidence(len(RATIO_ODDS)))
    ratio_counts: tuple[float, float, float] = (0.0, 0.0, 0.0)
    weight: float = 0.0
    weight_before: float = 0.0
    live_since_s: float | None = None
    last_s: float | None = None
    unit: Unit = "clients"
    baseline: tuple[float, float] = (0.0, 0.0)
    sketch: Sketch = field(default_factory=new_sketch)
    taus: Taus | None = None
    alone: Taus | None = None
    window: Window = field(default_factory=Window)
    failed_clients: Clients = field(default_factory=no_clients)
    timed_clients: Clients = field(default_factory=no_clients)
    met_clients: Clients = field(default_factory=lambda: no_clients(2048))


def new_analysis() -> AnalysisState:
    """Return the state before the first poll."""
    metric = MetricState(new_evidence(len(ERROR_STEPS)))
    return AnalysisState(errors=metric, p50=metric, p95=metric)


def dump(state: AnalysisState) -> dict[str, Any]:
    """Return JSON values; at most about 150 kB, usually 10 kB. `load` gives an equal analysis back."""
    clients = ("failed_clients", "timed_clients", "met_clients")
    body: dict[str, Any] = {"version": VERSION}
    for name in ("errors", "p50", "p95"):
        body[name] = _dump_metric(getattr(state, name))
    body["ratio"] = _dump_evidence(state.ratio)
    body["counts"] = {name: _dump_metric(metric) for name, metric in state.counts.items()}
    for name in ("ratio_counts", "weight", "weight_before", "live_since_s", "last_s", "unit", "baseline"):
        body[name] = getattr(state, name)
    body["sketch"] = _dump_sketch(state.sketch)
    for name in ("taus", "alone"):
        taus: Taus | None = getattr(state, name)
        body[name] = asdict(taus) if taus else None
    body["window"] = {"rows": state.window.rows, "failing": state.window.failing}
    for name in clients:
        body[name] = dump_clients(getattr(state, name))
    return body


def load(body: dict[str, Any]) -> AnalysisState:
    """Return the state that `dump` wrote, also after a trip through JSON."""
    window = body["window"]
    return AnalysisState(
        errors=_load_metric(body["errors"]),
        p50=_load_metric(body["p50"]),
        p95=_load_metric(body["p95"]),
        counts={name: _load_metric(metric) for name, metric in body["counts"].items()},
        ratio=_load_evidence(body["ratio"]),
        ratio_counts=tuple(body["ratio_counts"]),
        weight=body["weight"],
        weight_before=body["weight_before"],
        live_since_s=body["live_since_s"],
        last_s=body["last_s"],
        unit=body["unit"],
        baseline=tuple(body["baseline"]),
        sketch=_load_sketch(body["sketch"]),
        taus=Taus(**body["taus"]) if body["taus"] else None,
        alone=Taus(**body["alone"]) if body.get("alone") else None,
        window=Window(
            tuple(tuple(row) for row in window["rows"]),
            tuple((s, int(k), bool(c)) for s, k, c in window["failing"]),
        ),
        failed_clients=load_clients(body["failed_clients"]),
        timed_clients=load_clients(body["timed_clients"]),
        met_clients=load_clients(body["met_clients"]),
    )


def _dump_evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "log_parts": evidence.log_parts,
        "log_reserve": evidence.log_reserve,
        "next_stake_at_s": evidence.next_stake_at_s,
        "reached_at_s": evidence.reached_at_s,
    }


def _load_evidence(body: dict[str, Any]) -> Evidence:
    return Evidence(tuple(body["log_parts"]), body["log_reserve"], body["next_stake_at_s"], body["reached_at_s"])


def _dump_metric(metric: MetricState) -> dict[str, Any]:
    return {
        "evidence": _dump_evidence(metric.evidence),
        "block": metric.block,
        "strata": [asdict(s) for s in metric.strata],
        "tested": [asdict(s) for s in metric.tested],
        "bad_at_proof": metric.bad_at_proof,
        "proven_at_weight": metric.proven_at_weight,
    }


def _load_metric(body: dict[str, Any]) -> MetricState:
    kc, nc, kb, nb = body["block"]
    return MetricState(
        evidence=_load_evidence(body["evidence"]),
        block=(kc, nc, kb, nb),
        strata=tuple(Stratum(**s) for s in body["strata"]),
        tested=tuple(Stratum(**s) for s in body["tested"]),
        bad_at_proof=body["bad_at_proof"],
        proven_at_weight=body.get("proven_at_weight"),
    )


def _dump_sketch(sketch: Sketch) -> dict[str, Any]:
    places = np.flatnonzero(sketch.counts)
    return {
        "counts": dict(zip(map(str, places.tolist()), sketch.counts[places].tolist(), strict=True)),
        "bounds": sketch.bounds,
        "total": sketch.total,
        "aged_at_s": sketch.aged_at_s,
    }


def _load_sketch(body: dict[str, Any]) -> Sketch:
    empty = new_sketch(tuple(body["bounds"]) if body["bounds"] is not None else None)
    for place, count in body["counts"].items():
        empty.counts[int(place)] = count
    return Sketch(empty.counts, empty.bounds, body["total"], body["aged_at_s"])
