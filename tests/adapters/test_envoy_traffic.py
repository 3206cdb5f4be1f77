"""The proxy's promises to users, testers and the analysis, on a real Envoy."""

from __future__ import annotations

import asyncio
import itertools
import os

import pytest

from staycalm.ports.traffic import Split
from tests.adapters.envoys import EnvoyWorld, Tell
from tests.adapters.shop import TOKEN, Shop, open_shop, until
from tests.adapters.traffic_suite import TrafficSuite

pytestmark = pytest.mark.envoy


class TestEnvoyRouter(TrafficSuite):
    pass


def test_before_the_first_split_nobody_is_served(tell: Tell) -> None:
    async def story(shop: Shop) -> None:
        assert await shop.ask() == (503, "no revision serves yet\n")
        assert await shop.ask(host="stranger.example") == (404, "")

    tell(story)


def test_a_client_moves_to_the_candidate_once_and_stays_there(tell: Tell) -> None:
    async def story(shop: Shop) -> None:
        await shop.weigh(0)
        cookies = [await shop.new_cookie() for _ in range(60)]
        journeys = []
        for weight in (1, 5, 10, 25, 50, 75, 90, 100):
            await shop.weigh(weight)
            journeys.append([(await shop.ask(Cookie=f"a=b; {cookie}"))[1] for cookie in cookies])
        for journey in zip(*journeys, strict=True):
            assert [slot for slot, _ in itertools.groupby(journey)] in (["green"], ["blue", "green"])
        assert len({tuple(journey) for journey in zip(*journeys, strict=True)}) > 3

    tell(story)


def test_the_first_answer_and_the_next_ones_come_from_the_same_side(tell: Tell) -> None:
    async def story(shop: Shop) -> None:
        await shop.weigh(50)
        for _ in range(30):
            async with shop.http.get(f"http://127.0.0.1:{shop.port}/", headers={"Host": shop.host}) as first:
                cookie, side = first.headers["Set-Cookie"], await first.text()
            assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
            assert await shop.ask(Cookie=cookie.partition(";")[0]) == (200, side)
            assert await shop.ask(Cookie=cookie.partition(";")[0], method="POST") == (200, side)

    tell(story)


def test_a_client_with_a_cookie_is_not_given_another(tell: Tell) -> None:
    async def story(shop: Shop) -> None:
        await shop.weigh(50)
        headers = {"Host": shop.host, "Cookie": await shop.new_cookie()}
        async with shop.http.get(f"http://127.0.0.1:{shop.port}/", headers=headers) as again:
            assert "Set-Cookie" not in again.headers

    tell(story)


def test_testers_reach_the_candidate_before_any_traffic(tell: Tell) -> None:
    async def story(shop: Shop) -> None:
        await shop.weigh(0, token=TOKEN)
        start = await shop.router.samples(shop.placement, None)
        for _ in range(10):
            assert await shop.ask(**{"X-StayCalm-Preview": TOKEN}) == (200, "green")
            assert await shop.ask(host=f"green.{shop.host}:8080") == (200, "green")
            assert await shop.ask(**{"X-StayCalm-Preview": "another-token-000"}) == (200, "blue")
        assert not any("x-staycalm-preview" in seen for seen in shop.green.seen + shop.blue.seen)
        found = await shop.samples_of(start.cursor, 10)
        assert (found.slots["green"].total, found.slots["blue"].total) == (0, 10)
        assert {record.slot for record in found.requests} == {"blue"}

    tell(story)


def test_the_candidates_own_host_reaches_nothing_else(tell: Tell) -> None:
    async def story(shop: Shop) -> None:
        await shop.weigh(50)
        shop.green.mode = "503"
        for _ in range(3):
            assert (await shop.ask(host=f"green.{shop.host}"))[0] == 503
        await shop.router.set_split(shop.placement, Split("blue"), generation=5, fence=1)
        assert await shop.ask(host=f"green.{shop.host}") == (503, "there is no candidate\n")

    tell(story)


def test_headers_that_steer_the_proxy_cannot_be_sent_by_a_client(tell: Tell) -> None:
    async def story(shop: Shop) -> None:
        await shop.weigh(0)
        forged = {
            "X-Envoy-Max-Retries": "9",
            "X-Envoy-Upstream-Rq-Timeout-Ms": "1",
            "X-Request-Id": "forged; Path=/x",
        }
        assert await shop.ask(**forged) == (200, "blue")
        (seen,) = shop.blue.seen
        assert seen["x-request-id"] != forged["X-Request-Id"]
        assert not {"x-envoy-max-retries", "x-envoy-upstream-rq-timeout-ms"} & set(seen)

    tell(story)


def test_a_candidate_that_resets_costs_no_user_a_failure_and_is_bad_evidence(tell: Tell) -> None:
    async def story(shop: Shop) -> None:
        await shop.weigh(50)
        start = await shop.router.samples(shop.placement, None)
        shop.green.mode = "reset"
        assert await shop.ask_times(100) == {(200, "blue"): 100}
        found = await shop.samples_of(start.cursor, 100)
        assert {r.is_bad for r in found.requests if r.slot == "green"} == {True}
        assert {r.is_bad for r in found.requests if r.slot == "blue"} == {False}
        assert all(r.status == 200 for r in found.requests)
        (edge,) = await shop.router.observe(shop.placement)
        assert edge.healthy_members == {"blue": 1, "green": 0}

    tell(story)


def test_a_post_that_may_have_had_an_effect_is_not_sent_twice(tell: Tell) -> None:
    async def story(shop: Shop) -> None:
        await shop.weigh(100)
        shop.green.mode = "503"
        assert (await shop.ask(method="POST"))[0] == 503
        assert (len(shop.green.seen), len(shop.blue.seen)) == (1, 0)
        assert await shop.ask() == (200, "blue")

    tell(story)


def test_errors_of_the_application_are_counted_and_passed_on(tell: Tell) -> None:
    async def story(shop: Shop) -> None:
        await shop.weigh(0)
        start = await shop.router.samples(shop.placement, None)
        shop.blue.mode = "500"
        assert await shop.ask_times(20) == {(500, "blue"): 20}
        found = await shop.samples_of(start.cursor, 20)
        assert (found.slots["blue"].total, found.slots["blue"].server_errors) == (20, 20)
        assert [record.is_bad for record in found.requests] == [True] * 20

        async def is_timed() -> bool:  # the proxy merges its histograms once in a while
            later = await shop.router.samples(shop.placement, start.cursor)
            return sum(count for _, count in later.slots["blue"].latency_buckets) == 20

        await until(is_timed)

    tell(story)


def test_a_request_that_takes_too_long_is_a_time_out(tell: Tell) -> None:
    async def story(shop: Shop) -> None:
        await shop.weigh(0)
        start = await shop.router.samples(shop.placement, None)
        shop.blue.mode = "hang"
        assert (await shop.ask())[0] == 504
        found = await shop.samples_of(start.cursor, 1)
        assert (found.slots["blue"].timeouts, found.slots["blue"].server_errors) == (1, 1)
        (record,) = found.requests
        assert (record.is_bad, record.status) == (True, 504)
        assert record.duration_ms > 100, "the time Envoy waited; its timer wheel may fire a few milliseconds early"

    tell(story, request_timeout_s=0.2)


def test_a_client_is_known_by_the_hash_of_its_cookie_only(tell: Tell, world: EnvoyWorld) -> None:
    async def story(shop: Shop) -> None:
        await shop.weigh(0)
        start = await shop.router.samples(shop.placement, None)
        cookie = await shop.new_cookie()
        await shop.ask(Cookie=f"session=very-secret; {cookie}")
        await shop.ask()
        found = await shop.samples_of(start.cursor, 3)
        first, again, stranger = [record.client for record in found.requests]
        assert first == again != stranger
        assert cookie.partition("=")[2] not in (first, stranger)
        logs = b"".join(path.read_bytes() for path in (world.directory / "access").iterdir())
        assert b"very-secret" not in logs

    tell(story)


def test_the_access_log_is_rotated_and_no_request_is_lost(tell: Tell, world: EnvoyWorld) -> None:
    async def story(shop: Shop) -> None:
        await shop.weigh(50)
        start = await shop.router.samples(shop.placement, None)
        for _ in range(3):
            await shop.ask_times(200)
            await asyncio.sleep(0.15)
        found = await shop.samples_of(start.cursor, 600)
        assert len(found.requests) == 600 and not found.was_reset

        async def is_small() -> bool:
            await shop.router.samples(shop.placement, None)
            return sum(path.stat().st_size for path in (world.directory / "access").iterdir()) < 200_000

        await until(is_small)

    tell(story)


def test_two_placements_shift_at_once_and_each_rolls_back_alone(world: EnvoyWorld) -> None:
    async def story() -> None:
        async with open_shop(world.router, world.port) as left, open_shop(world.router, world.port) as right:
            await asyncio.gather(left.weigh(100), right.weigh(100))
            for one, other in ((left, right), (right, left)):
                await asyncio.gather(one.weigh(100), other.weigh(100))
                await one.router.roll_back(one.placement)
                assert await one.ask_times(20) == {(200, "blue"): 20}
                assert await other.ask_times(20) == {(200, "green"): 20}
            await asyncio.gather(left.weigh(100), right.weigh(100))
            await asyncio.gather(left.router.roll_back(left.placement), right.router.roll_back(right.placement))
            assert await left.ask_times(20) == {(200, "blue"): 20}
            assert await right.ask_times(20) == {(200, "blue"): 20}

    world.run(story())


def test_the_way_back_is_one_rename_of_a_file_that_lies_ready(tell: Tell, world: EnvoyWorld) -> None:
    async def story(shop: Shop) -> None:
        generation = await shop.weigh(100)
        reserved = world.directory / "reserved" / f"{shop.placement}.json"
        live = world.directory / "rds" / f"127.0.0.1_{world.port}" / "routes.json"
        os.replace(reserved, live)

        async def is_in_force() -> bool:
            (edge,) = await shop.router.observe(shop.placement)
            return edge.generation == generation + 1

        await until(is_in_force)
        assert await shop.ask_times(20) == {(200, "blue"): 20}

    tell(story)


def test_an_open_websocket_outlives_a_shift(tell: Tell) -> None:
    async def story(shop: Shop) -> None:
        await shop.weigh(100)
        url = f"http://127.0.0.1:{shop.port}/echo"
        async with shop.http.ws_connect(url, headers={"Host": shop.host}) as socket:
            await socket.send_str("one")
            assert await socket.receive_str(timeout=60) == "green: one"
            await shop.router.roll_back(shop.placement)
            assert not await shop.router.wait_drained(shop.placement, "green", deadline_s=0.05)
            await socket.send_str("two")
            assert await socket.receive_str(timeout=60) == "green: two"
        assert await shop.router.wait_drained(shop.placement, "green", deadline_s=60)

    tell(story)


def test_health_checks_are_not_user_traffic(tell: Tell) -> None:
    async def story(shop: Shop) -> None:
        await shop.weigh(50)
        start = await shop.router.samples(shop.placement, None)
        await shop.green.stop()

        async def is_unhealthy() -> bool:
            (edge,) = await shop.router.observe(shop.placement)
            return edge.healthy_members == {"blue": 1, "green": 0}

        await until(is_unhealthy)
        await shop.ask_times(40)
        found = await shop.samples_of(start.cursor, 40)
        assert sum(counts.total for counts in found.slots.values()) == 40

    tell(story, health_path="/health")
