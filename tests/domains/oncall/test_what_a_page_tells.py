"""What a page tells besides its cause: who is asked next, and what was changed last."""

from __future__ import annotations

import pytest

from staycalm.domains.deployments import service as deployments
from staycalm.domains.deployments.strategies import Step
from staycalm.domains.oncall.escalations.before import find_change
from staycalm.domains.oncall.escalations.decisions import FrozenStep, Taken, Urgency, after
from staycalm.domains.oncall.escalations.decisions import Position as At
from staycalm.kit.database import Database
from tests.conftest import VirtualClock
from tests.domains.deployments.world import World as Shop
from tests.domains.oncall.world import World


def line(text: str, name: str) -> str:
    return next((each.partition(": ")[2] for each in text.splitlines() if each.startswith(f"{name}: ")), "")


def test_every_page_names_who_is_asked_after_it(world: World) -> None:
    world.start("P0")
    world.forward(minutes=40)
    told = [line(each.message.text, "After you") for each in world.email.arrived]
    assert told == ["bob, in 5m", "carol, in 5m", "alice, in 10m", "bob, in 5m", "carol, in 5m", ""]
    assert world.email.arrived[-1].message.text.startswith("Acknowledge within 10m: nobody is paged after you.")
    assert line(world.email.arrived[0].message.text, "Just before") == ""


@pytest.mark.parametrize(
    ("people", "urgency", "told"),
    [
        (("bob",), "page", "bob, in 5m"),
        (("alice",), "page", "you again, in 5m"),
        (("alice", "bob"), "page", "bob and you again, in 5m"),
        (("a", "b", "c", "d", "e"), "page", "a, b, c and 2 more, in 5m"),
        (("alice",), "notify", ""),
        ((), "page", "nobody else can be reached just now"),
    ],
)
def test_who_comes_next_is_told_as_it_is_known_now(people: tuple[str, ...], urgency: Urgency, told: str) -> None:
    step = FrozenStep(1, urgency, (), 300.0)
    following = Taken((), FrozenStep(2, "page", (), 600.0) if people else None, people, 0, At())
    assert after(step, following, "alice") == told


def test_the_last_change_is_told_until_two_hours_after_it(world_db: Database, clock: VirtualClock) -> None:
    shop = Shop(world_db, clock)

    def change(service: str = "shop") -> str:
        return str(shop.read(find_change, service, "production")[0])

    assert change() == ""
    shop.first()
    assert change() == "DEP-1 (REL-1) took all traffic, 0ms ago"
    shop.deploy("v2", steps=(Step(50.0, 600.0),))
    assert change() == "DEP-2 (REL-2) was asked for, 0ms ago"
    shop.run_to("shifting", 100)
    shop.run(120, until=lambda: shop.newest().weight == 50.0)
    assert change().startswith("DEP-2 (REL-2) got 50 % of traffic, ")
    shop.ask(deployments.roll_back, "DEP-2", reason="orders are down")
    shop.run_to("rolled-back", 30)
    assert change().startswith("DEP-2 (REL-2) was rolled back, ")
    assert change("payments") == ""
    clock.advance(hours=2)
    assert change() == ""
