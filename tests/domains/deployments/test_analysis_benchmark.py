"""The published figures are about the product only if the benchmark bets as the product does."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from staycalm.domains.deployments.analysis import DEFAULT_LIMITS, new_analysis, observe
from staycalm.domains.deployments.analysis import evidence as bets
from staycalm.domains.deployments.analysis.observing import BASELINE_REQUESTS, PRIOR_ALL, PRIOR_BAD
from tests.domains.deployments.analysis_traffic import counted

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "analysis.py"


def load_benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_analysis", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_benchmark_collects_the_same_evidence_as_the_product() -> None:
    rng, bench, state = np.random.default_rng(2), load_benchmark(), new_analysis()
    bet, baseline = bench.Bet(1, DEFAULT_LIMITS.error_alpha), np.zeros((2, 1))
    for second in range(700):
        weight = 10.0 if second < 600 else 50.0
        n = int(rng.poisson(40))
        nc = int(rng.binomial(n, weight / 100))
        kc, kb = int(rng.binomial(nc, 0.015)), int(rng.binomial(n - nc, 0.01))
        state = observe(state, counted(float(second), weight, candidate=(kc, nc), stable=(kb, n - nc)))
        theta_b = bets.clip_rate((baseline[0] + PRIOR_BAD) / (baseline[1] + PRIOR_ALL))
        counts = np.array([[kc], [nc], [kb], [n - nc]], dtype=float)
        bet.see(second, second // 600, counts, counts, theta_b, bets.error_alternatives(theta_b))
        baseline += [[kb], [n - nc]]
        baseline *= np.minimum(1.0, BASELINE_REQUESTS / np.maximum(baseline[1], 1))
    assert np.allclose(bet.parts[0], state.errors.evidence.log_parts)
    assert np.allclose(bet.reserve[0], state.errors.evidence.log_reserve)
    assert np.isfinite(bet.proven_at[0]) == (state.errors.evidence.reached_at_s is not None)
