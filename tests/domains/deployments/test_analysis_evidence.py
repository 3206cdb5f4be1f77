"""The arithmetic of the evidence, checked against exact sums and seeded simulation."""

from __future__ import annotations

from math import comb, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staycalm.domains.deployments.analysis import evidence as bets
from staycalm.domains.deployments.analysis.size import Stratum, risk_difference


def binomial(n: int, k: int, p: float) -> float:
    return comb(n, k) * p**k * (1 - p) ** (n - k)


@given(
    st.integers(0, 6),
    st.integers(0, 6),
    st.floats(0.001, 0.999),
    st.floats(0.0005, 0.9),
)
@settings(max_examples=80, deadline=None)
def test_a_block_is_a_fair_bet_at_every_common_rate_and_split(
    nc: int, nb: int, rate: float, theta_b: float
) -> None:
    base = np.asarray(theta_b)
    theta_c = bets.error_alternatives(base)
    mean = np.zeros(len(theta_c))
    for kc in range(nc + 1):
        for kb in range(nb + 1):
            counts = (np.asarray(float(x)) for x in (kc, nc, kb, nb))
            factor = np.exp(bets.block_log_factors(*counts, base, theta_c))
            mean += binomial(nc, kc, rate) * binomial(nb, kb, rate) * factor
    assert (mean <= 1 + 1e-9).all()


@given(st.floats(0.01, 0.99), st.floats(0.001, 0.999), st.floats(0.001, 0.9))
def test_a_single_observation_is_a_fair_bet(chance: float, rate: float, theta_b: float) -> None:
    theta_c = bets.slower_alternatives(np.asarray(theta_b), bets.P50_ODDS)
    bad, on = np.array([True, True, False, False]), np.array([True, False, True, False])
    factors = np.exp(bets.single_log_factors(bad, on, np.full(4, chance), theta_b, theta_c))
    weights = np.array([rate * chance, rate * (1 - chance), (1 - rate) * chance, (1 - rate) * (1 - chance)])
    assert np.allclose(weights @ factors, 1.0)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_an_event_is_a_fair_bet_at_its_chance_and_a_losing_one_below(chance: float, lower: float) -> None:
    on = np.array([True, False])
    factors = np.exp(bets.event_log_factors(on, np.full(2, chance), bets.MORE_RATIOS))
    assert np.allclose(np.array([chance, 1 - chance]) @ factors, 1.0)
    true = lower * chance
    assert (np.array([true, 1 - true]) @ factors <= 1 + 1e-12).all()


def test_the_stake_is_one_and_laying_it_out_changes_nothing() -> None:
    evidence = bets.new_evidence(8)
    assert abs(evidence.log_value) < 1e-12
    for _ in range(100):
        parts, reserve = bets.lay_stake(np.asarray(evidence.log_parts), evidence.log_reserve)
        evidence = bets.Evidence(tuple(parts.tolist()), float(reserve))
    assert abs(evidence.log_value) < 1e-9


def test_many_blocks_at_once_equal_each_alone() -> None:
    rng = np.random.default_rng(1)
    nc, nb = rng.integers(0, 50, 20), rng.integers(1, 50, 20)
    kc, kb = rng.binomial(nc, 0.1), rng.binomial(nb, 0.1)
    base = rng.uniform(0.01, 0.2, 20)
    together = bets.block_log_factors(kc, nc, kb, nb, base, bets.error_alternatives(base))
    for i in range(20):
        alone = bets.block_log_factors(kc[i], nc[i], kb[i], nb[i], base[i], bets.error_alternatives(base[i]))
        assert np.allclose(together[i], alone)


@pytest.mark.parametrize(
    ("rps", "rate", "weight"), [(5, 0.01, 0.1), (50, 0.002, 0.1), (50, 0.2, 0.5), (20, 0.01, 0.9)]
)
def test_ville_healthy_rollouts_reach_the_evidence_at_most_alpha_often(
    rps: int, rate: float, weight: float
) -> None:
    alpha, rollouts, rng = 0.05, 600, np.random.default_rng(11)
    start = bets.new_evidence(8)
    parts, reserve = np.tile(np.array(start.log_parts), (rollouts, 1)), np.full(rollouts, start.log_reserve)
    bad, seen, reached = np.full(rollouts, 0.5), np.full(rollouts, 100.0), np.zeros(rollouts, bool)
    for second in range(1, 401):
        nc = rng.binomial(rps, weight, rollouts)
        kc, kb = rng.binomial(nc, rate), rng.binomial(rps - nc, rate)
        base = bets.clip_rate(bad / seen)
        parts += bets.block_log_factors(kc, nc, kb, rps - nc, base, bets.error_alternatives(base))
        if second % 60 == 0:
            parts, reserve = bets.lay_stake(parts, reserve)
        value = bets.log_sum_exp(np.concatenate((parts, reserve[:, None]), axis=1))
        reached |= value >= log(1 / alpha)
        bad, seen = bad + kb, seen + (rps - nc)
    # The bound is 5 % in expectation; four standard errors of 600 rollouts above it would be no accident.
    assert reached.mean() <= alpha + 4 * np.sqrt(alpha * (1 - alpha) / rollouts)


def test_one_stratum_gives_the_plain_difference_and_its_usual_error() -> None:
    size = risk_difference([Stratum(10.0, 30, 1000, 20, 2000)])
    assert size is not None
    assert abs(size.difference - 0.02) < 1e-12
    plain = (0.03 * 0.97 / 1000 + 0.01 * 0.99 / 2000) ** 0.5
    assert abs(size.error / plain - 1) < 0.1


def test_a_change_of_weight_is_no_change_of_the_service() -> None:
    # Both revisions fail alike in each step, 1 % then 10 %; pooled the candidate looks four times worse.
    strata = [Stratum(10.0, 10, 1000, 90, 9000), Stratum(90.0, 900, 9000, 100, 1000)]
    size = risk_difference(strata)
    assert size is not None
    assert abs(size.difference) < 1e-12


def test_nothing_counted_has_no_difference() -> None:
    assert risk_difference([]) is None
    assert risk_difference([Stratum(10.0, 0, 0, 1, 5)]) is None
