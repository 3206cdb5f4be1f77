"""The pure rules of the Envoy adapter: weights, counters, log lines, declarations."""

from __future__ import annotations

import itertools
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.adapters.envoy import Binary, EnvoySettings
from staycalm.adapters.envoy.access_log import Line, client_hash, interpret
from staycalm.adapters.envoy.clusters import SLOTS, compose_clusters, other
from staycalm.adapters.envoy.counters import Reading, difference, parse_statistics, readings
from staycalm.adapters.envoy.routes import compose_routes, placements_in, weights
from staycalm.adapters.envoy.specs import Placed, check_together, decode_placed, encode_placed, is_repeated
from staycalm.core.placement import Placement
from staycalm.ports.errors import Fenced, InvalidSpec
from staycalm.ports.traffic import Endpoint, Listener, RouteSpec, Slot, Split

SETTINGS = EnvoySettings()
SHOP = Placement("shop", "production")
SPEC = RouteSpec(
    SHOP,
    Listener("0.0.0.0", 8080),
    ("shop.example",),
    ("green.shop.example",),
    members={"blue": (Endpoint("127.0.0.1", 1001),), "green": (Endpoint("10.0.0.2", 1002),)},
    health_path="/health",
)
slots = st.sampled_from(SLOTS)
percents = st.floats(0, 100)


def splits() -> st.SearchStrategy[Split]:
    token = st.none() | st.just("a-preview-token-0123")
    with_candidate = st.builds(lambda s, w, t: Split(s, other(s), w, t), slots, percents, token)
    return with_candidate | st.builds(Split, slots)


@given(slots, percents, percents)
def test_growing_a_weight_only_ever_adds_clients_to_the_candidate(stable: Slot, one: float, two: float) -> None:
    less, more = sorted((one, two))

    def share(weight: float) -> set[int]:
        # The proxy lays the slots side by side in their constant order and looks where a hash falls.
        each = weights(Split(stable, other(stable), weight))
        owners = [slot for slot in SLOTS for _ in range(each[slot])]
        return {position for position, slot in enumerate(owners) if slot != stable}

    assert share(less) <= share(more)


@given(splits())
def test_weights_always_sum_to_a_thousand(split: Split) -> None:
    assert sum(weights(split).values()) == 1000
    assert weights(split)[split.stable] == 1000 - round(split.candidate_weight * 10)


@given(splits(), st.integers(1, 2**40), st.integers(0, 2**40), st.booleans())
def test_a_split_is_read_back_as_it_was_written(split: Split, generation: int, fence: int, is_back: bool) -> None:
    placed = Placed(SPEC, split, generation, fence, is_back)
    told = json.loads(json.dumps(compose_routes("0.0.0.0_8080", [placed], SETTINGS)))
    about = placements_in(told)[SHOP]
    assert (about.split, about.generation, about.fence, about.is_rollback) == (split, generation, fence, is_back)
    assert decode_placed(json.loads(encode_placed({SHOP: placed}))) == {SHOP: placed}


@given(splits(), splits())
def test_shifting_never_touches_a_cluster(one: Split, two: Split) -> None:
    named = {cluster["name"] for cluster in compose_clusters(SPEC, SETTINGS)}
    for split in (one, two):
        text = json.dumps(compose_routes("x", [Placed(SPEC, split, 1)], SETTINGS))
        used = {name for name in named if f'"{name}"' in text}
        assert {f"{SHOP}/{split.stable}"} <= used


def test_only_the_candidates_clusters_eject_instances() -> None:
    ejecting = {c["name"] for c in compose_clusters(SPEC, SETTINGS) if "outlier_detection" in c}
    assert ejecting == {"shop@production/blue/candidate", "shop@production/green/candidate"}


STABLE, FIRST = "shop@production/blue", "shop@production/green/first"


@pytest.mark.parametrize(
    ("line", "slot", "is_bad"),
    [
        ({"cluster": STABLE, "status": 200, "served_by": "blue", "tries": 1}, "blue", False),
        ({"cluster": STABLE, "status": 404, "served_by": "blue", "tries": 1}, "blue", False),
        ({"cluster": STABLE, "status": 500, "served_by": "blue", "tries": 1}, "blue", True),
        ({"cluster": STABLE, "status": 200, "served_by": "blue", "tries": 2}, "blue", False),
        ({"cluster": STABLE, "status": 200, "served_by": "blue", "tries": 1, "flags": "UC"}, "blue", True),
        ({"cluster": STABLE, "status": 504, "served_by": "blue", "tries": 1, "flags": "UT"}, "blue", True),
        ({"cluster": STABLE, "status": 0, "served_by": "blue", "tries": 1, "flags": "DC"}, "blue", False),
        ({"cluster": STABLE, "status": 503, "flags": "UH", "tries": 1}, "blue", True),
        ({"cluster": FIRST, "status": 200, "served_by": "green", "tries": 1}, "green", False),
        ({"cluster": FIRST, "status": 200, "served_by": "blue", "tries": 2}, "green", True),
        ({"cluster": FIRST, "status": 200, "served_by": "blue", "tries": 1}, "green", True),
        ({"cluster": FIRST, "status": 500, "served_by": "green", "tries": 1}, "green", True),
    ],
)
def test_a_request_belongs_to_the_side_its_client_is_on(line: dict[str, Any], slot: Slot, is_bad: bool) -> None:
    found = interpret(Line(route="user", client="abc", took_us=1500, **line))
    assert found is not None
    placement, record = found
    assert (placement, record.slot, record.is_bad) == (SHOP, slot, is_bad)
    assert (record.client, record.duration_ms) == (client_hash("abc"), 1.5)


@pytest.mark.parametrize(
    "line",
    [
        Line(cluster=f"{SHOP}/green/candidate", route="preview", status=500),
        Line(cluster=f"{SHOP}/green/candidate", route="candidate", status=200),
        Line(cluster=None, route="none", status=503),
        Line(cluster=None, route=None, status=404),
        Line(cluster="somebody/else", route="user", status=200),
    ],
)
def test_only_users_requests_are_evidence(line: Line) -> None:
    assert interpret(line) is None


def test_a_new_client_is_known_by_the_id_that_becomes_its_cookie() -> None:
    first = interpret(Line(cluster=STABLE, route="user", status=200, request="r-1"))
    later = interpret(Line(cluster=STABLE, route="user", status=200, request="r-2", client="r-1"))
    assert first is not None and later is not None
    assert first[1].client == later[1].client


def reading(total: int, errors: int = 0, buckets: tuple[tuple[float, int], ...] = ()) -> Reading:
    return Reading(total=total, server_errors=errors, active=3, buckets=buckets)


def test_a_difference_counts_what_came_since() -> None:
    before = reading(100, 5, ((1, 60), (10, 100), (3_600_000, 100)))
    now = reading(130, 6, ((1, 80), (10, 125), (3_600_000, 130)))
    found = difference(before, now, is_same_process=True)
    assert (found.counts.total, found.counts.server_errors, found.counts.active) == (30, 1, 3)
    assert found.counts.latency_buckets == ((1, 20), (10, 5), (float("inf"), 5))
    assert not found.was_reset


@pytest.mark.parametrize(("now", "is_same"), [(reading(7), True), (reading(7), False), (reading(200), False)])
def test_a_restart_is_seen_and_counts_from_zero(now: Reading, is_same: bool) -> None:
    found = difference(reading(100, 5), now, is_same_process=is_same)
    assert found.was_reset
    assert found.counts.total == now.total


@given(st.lists(st.integers(0, 50), min_size=2, max_size=10))
def test_differences_add_up_to_the_whole(steps: list[int]) -> None:
    at, sums = [reading(0)], 0
    for step in steps:
        at.append(reading(at[-1].total + step))
    for before, now in itertools.pairwise(at):
        sums += difference(before, now, is_same_process=True).counts.total
    assert sums == sum(steps)


def test_counters_the_proxy_never_used_are_zero() -> None:
    assert readings(parse_statistics({"stats": []}), SHOP) == {slot: Reading() for slot in SLOTS}


@pytest.mark.parametrize(
    ("generation", "fence", "split", "expected"),
    [
        (5, 2, Split("blue", "green", 10), True),
        (6, 2, Split("blue", "green", 20), False),
        (6, 3, Split("blue"), False),
        (5, 2, Split("blue", "green", 11), Fenced),
        (4, 2, Split("blue", "green", 10), Fenced),
        (6, 1, Split("blue", "green", 10), Fenced),
    ],
)
def test_order_decides_who_may_write(generation: int, fence: int, split: Split, expected: Any) -> None:
    known = Placed(SPEC, Split("blue", "green", 10), generation=5, fence=2)
    if expected is Fenced:
        with pytest.raises(Fenced):
            is_repeated(known, split, generation=generation, fence=fence)
    else:
        assert is_repeated(known, split, generation=generation, fence=fence) is expected


def another(**changes: Any) -> Placed:
    values: dict[str, Any] = {
        "placement": Placement("api", "production"),
        "listener": SPEC.listener,
        "hosts": ("*",),
    }
    return Placed(RouteSpec(**{**values, **changes}))


@pytest.mark.parametrize(
    ("neighbour", "words"),
    [
        (another(hosts=("shop.example",)), "both claim"),
        (another(hosts=("green.shop.example",)), "both claim"),
        (another(listener=Listener("0.0.0.0", 8080, "a", "b")), "other certificates"),
        (another(listener=Listener("127.0.0.1", 8080)), "for every address"),
        (another(hosts=("x.example",), candidate_hosts=("x.example",)), "both claim"),
    ],
)
def test_declarations_that_contradict_each_other_are_refused(neighbour: Placed, words: str) -> None:
    with pytest.raises(InvalidSpec, match=words):
        check_together([Placed(SPEC), neighbour])


def test_neighbours_may_share_a_listener_and_a_host() -> None:
    check_together([Placed(SPEC), another(), another(hosts=("shop.example",), path_prefix="/api")])


@pytest.mark.parametrize(
    ("today", "days"),
    [(date(2026, 10, 1), 0), (date(2026, 11, 21), 51), (date(2027, 10, 1), 365), (date(2026, 1, 1), 0)],
)
def test_the_age_of_the_proxy_counts_from_the_month_of_its_line(today: date, days: int) -> None:
    assert Binary(Path("envoy"), "1.40.2").age_days(today) == days
