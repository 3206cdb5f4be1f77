"""The uptime of days, and what is left of signals after weeks."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from staycalm.domains.monitoring.sampling import queries as sampling
from staycalm.domains.monitoring.sampling.model import hours, minutes
from staycalm.domains.monitoring.sampling.service import record_counts, roll_hours_up, roll_up
from staycalm.domains.monitoring.signals import Counts
from staycalm.domains.monitoring.uptime.decisions import Day, by_day, newly_down_s, overall
from staycalm.domains.monitoring.uptime.queries import list_days
from staycalm.kit.database import Tx
from tests.domains.monitoring.world import LIVENESS, SHOP, World

TODAY = date(2026, 3, 2)


def test_ten_healthy_minutes_are_all_up(world: World) -> None:
    world.started()
    world.pass_time(minutes=9)
    today = world.read(list_days, SHOP)[-1]
    assert today.mood == "up" and today.share == 1.0
    assert 8 * 60 <= today.watched_s <= 10 * 60


def test_an_outage_counts_from_its_first_failed_look(world: World) -> None:
    world.started()
    world.prober.break_down(LIVENESS)
    world.pass_time(seconds=120)
    world.prober.mend(LIVENESS)
    world.pass_time(minutes=2)
    today = world.read(list_days, SHOP)[-1]
    assert today.mood == "short"
    assert 110 <= today.down_s <= 130


def test_two_failed_looks_are_no_outage(world: World) -> None:
    world.started()
    world.prober.break_down(LIVENESS)
    world.pass_time(seconds=20)
    world.prober.mend(LIVENESS)
    world.pass_time(minutes=2)
    assert world.read(list_days, SHOP)[-1].down_s == 0.0


def test_what_nobody_watched_is_neither_up_nor_down(world: World) -> None:
    world.started()
    days = world.read(list_days, SHOP)
    assert len(days) == 90
    assert {day.mood for day in days[:-1]} == {"unknown"}
    assert all(day.share is None for day in days[:-1])


def test_a_silence_of_the_server_is_not_uptime(world: World) -> None:
    world.started()
    before = world.read(list_days, SHOP)[-1].watched_s or 0.0
    world.clock.advance(hours=2)
    world.pass_time(seconds=90)
    assert (world.read(list_days, SHOP)[-1].watched_s or 0.0) <= before + 150


@given(st.integers(1, 10), st.integers(1, 40), st.floats(1, 60))
def test_an_outage_of_n_looks_lasts_n_intervals(down_after: int, looks: int, interval_s: float) -> None:
    total = sum(newly_down_s(n, down_after, interval_s) for n in range(1, looks + 1))
    assert total == pytest.approx(looks * interval_s if looks >= down_after else 0.0)


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 86400), st.floats(0, 90000)), max_size=30))
def test_shares_are_fractions_and_days_are_in_order(rows: list[tuple[int, float, float]]) -> None:
    found = [Day(TODAY - timedelta(days=ago), watched, down, "p") for ago, watched, down in rows]
    days = by_day(found, today=TODAY, many=10)
    assert [day.day for day in days] == [TODAY - timedelta(days=9 - n) for n in range(10)]
    assert all(day.share is None or 0 <= day.share <= 1 for day in days)
    whole = overall(days)
    assert whole is None or 0 <= whole <= 1


def _fill(tx: Tx, many_hours: int) -> None:
    end = tx.now.replace(minute=0, second=0, microsecond=0)
    for n in range(many_hours * 60):
        at = end - timedelta(minutes=n)
        record_counts(tx, SHOP, [Counts(at, 60.0, "blue", 120, 0, 6, 0, 0, 1, ((100.0, 60), (200.0, 60)))])


def test_a_week_is_drawn_from_hours_when_minutes_are_gone(world: World) -> None:
    world.apply()
    world.write(_fill, 30)

    def roll(tx: Tx) -> None:
        since = tx.now - timedelta(hours=31)
        while since < tx.now.replace(minute=0, second=0, microsecond=0):
            since = roll_up(tx, SHOP, since=since, keep_samples_s=7 * 86400)
        done = None
        for _ in range(10):
            done = roll_hours_up(tx, SHOP, since=done, until=since)
        tx.execute(minutes.delete())

    world.write(roll)
    rows = world.read(lambda tx: tx.rows(sa.select(hours).order_by(hours.c.at)))
    assert len(rows) == 30 and {row.total for row in rows} == {7200}
    known = [p for p in world.read(sampling.points, SHOP, 7 * 86400.0) if p.request_rate is not None]
    assert 15 <= len(known) <= 16
    assert {round(p.request_rate or 0, 6) for p in known} == {2.0}
    assert {p.error_rate for p in known} == {0.05}


def test_hours_are_made_once_more_with_the_same_result(world: World) -> None:
    world.apply()
    world.write(_fill, 2)
    start = world.clock.now() - timedelta(hours=3)

    def roll(tx: Tx) -> None:
        end = tx.now.replace(minute=0, second=0, microsecond=0)
        since = start
        while since < end:
            since = roll_up(tx, SHOP, since=since, keep_samples_s=7 * 86400)
        for _ in range(2):
            roll_hours_up(tx, SHOP, since=start, until=end)

    world.write(roll)
    rows = world.read(lambda tx: tx.rows(sa.select(hours)))
    assert sorted(row.total for row in rows) == [7200, 7200]


@pytest.mark.parametrize("span_s", [60.0, 900.0, 3600.0, 86400.0, 7 * 86400.0, 30 * 86400.0])
def test_a_drawing_has_a_bounded_number_of_points(world: World, span_s: float) -> None:
    world.started()
    found = world.read(sampling.points, SHOP, span_s)
    assert 1 <= len(found) <= 121
