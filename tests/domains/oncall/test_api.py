"""On-call over HTTP: what a command line or a page of somebody else gets to see and do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi import FastAPI, Request

from staycalm.core.actor import Actor
from staycalm.core.errors import Forbidden
from staycalm.domains.accounts.public import Identity, decide, find_person
from staycalm.domains.oncall.api import router
from staycalm.domains.oncall.edge import OncallEdge
from staycalm.domains.oncall.feeds.api import router as feeds_router
from staycalm.domains.oncall.feeds.pace import FeedPace
from staycalm.domains.oncall.schedules.api import router as schedules_router
from staycalm.kit.http import Permission, install_problem_details, permission_of
from tests.domains.oncall.browser import Browser
from tests.domains.oncall.world import FILE, World

SignIn = Callable[[str], Browser]
ROUTERS = (router, schedules_router, feeds_router)


@pytest.fixture
def sign_in(world: World) -> SignIn:
    """Sign a person in by name; the matrix decides what they may."""
    world.apply(FILE.replace("carol@example.com}", "carol@example.com, roles: [developer]}"))
    world.settle()
    app = FastAPI()
    app.state.database = world.database
    install_problem_details(app)
    for each in ROUTERS:
        app.include_router(each)
    app.state.oncall = OncallEdge("https://calm.example", FeedPace(world.clock))

    async def guard(request: Request, permission: Permission) -> Actor:
        person = await world.database.read(find_person, request.headers["x-person"])
        assert person is not None
        request.state.identity = Identity(person.actor, person.roles, "token")
        if not decide(person.roles, str(permission.resource), permission.level):
            raise Forbidden("forbidden", f"{permission} is not allowed")
        return person.actor

    app.state.guard = guard
    return lambda person: Browser(app, **{"x-person": person})


def test_every_route_names_what_it_needs() -> None:
    routes = [route for each in ROUTERS for route in each.routes]
    assert all(permission_of(route) is not None for route in routes)  # type: ignore[arg-type]


def test_anybody_sees_who_is_on_call_now_and_next(world: World, sign_in: SignIn) -> None:
    (item,) = sign_in("carol").get("/api/v1/oncall").json()["items"]
    assert item == {
        "schedule": "platform", "time_zone": "Europe/Berlin", "primary": "alice", "secondary": "bob",
        "until": "2026-03-09T08:00:00Z", "next_primary": "bob", "next_secondary": "alice",
    }  # fmt: skip
    assert sign_in("carol").get("/api/v1/oncall/schedules/platform/now").json() == item


def test_the_calendar_shows_the_final_schedule(world: World, sign_in: SignIn) -> None:
    found = sign_in("carol").get("/api/v1/oncall/schedules/platform/calendar?weeks=2").json()
    assert [turn["primary"] for turn in found["turns"]] == ["alice", "bob", "alice"]
    assert sign_in("carol").get("/api/v1/oncall/schedules/platform/calendar?weeks=99").status_code == 422


def test_an_override_is_added_listed_and_removed_by_who_may_configure(world: World, sign_in: SignIn) -> None:
    path = "/api/v1/oncall/schedules/platform/overrides"
    end = (world.clock.now() + timedelta(hours=4)).isoformat()
    body = {"person": "carol", "ends_at": end, "reason": "dentist"}
    assert sign_in("carol").post(path, json=body).status_code == 403
    made = sign_in("alice").post(path, json=body)  # on call, so allowed to configure
    assert made.status_code == 201 and made.json()["role"] == "primary"
    assert sign_in("carol").get(path).json()["items"] == [made.json()]
    assert sign_in("bob").delete(f"{path}/{made.json()['id']}").status_code == 204
    assert sign_in("carol").get(path).json()["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"person": "carol", "ends_at": "2026-03-02T12:00:00"},
        {"person": "carol", "ends_at": "2026-03-01T12:00:00Z"},
        {"person": "carol", "role": "king", "ends_at": "2026-03-03T12:00:00Z"},
        {"person": "carol", "ends_at": "2026-03-03T12:00:00Z", "until": "x"},
    ],
    ids=["without offset", "in the past", "unknown role", "unknown key"],
)
def test_a_bad_override_is_refused(world: World, sign_in: SignIn, body: dict[str, str]) -> None:
    assert sign_in("alice").post("/api/v1/oncall/schedules/platform/overrides", json=body).status_code == 422


def test_what_is_not_there_is_404_with_what_there_is(world: World, sign_in: SignIn) -> None:
    answer = sign_in("carol").get("/api/v1/oncall/schedules/platfrom")
    assert answer.status_code == 404 and answer.json()["next_step"] == "There are: platform."
    assert sign_in("carol").get("/api/v1/oncall/policies/nope").status_code == 404
    assert sign_in("carol").get("/api/v1/oncall/schedules/nope/overrides").status_code == 404
    assert sign_in("carol").post("/api/v1/oncall/escalations/INC-9/acknowledge").status_code == 404


def test_policies_are_shown_in_words(world: World, sign_in: SignIn) -> None:
    shop = sign_in("carol").get("/api/v1/oncall/policies/shop").json()
    assert [step["targets"] for step in shop["steps"]] == [
        ["primary of platform"], ["secondary of platform"], ["person carol"],
    ]  # fmt: skip
    assert len(sign_in("carol").get("/api/v1/oncall/policies").json()["items"]) == 2


def test_contact_methods_are_ones_own_to_change(world: World, sign_in: SignIn) -> None:
    path, carol = "/api/v1/oncall/people/carol/contact-methods", sign_in("carol")
    body = {"kind": "ntfy", "address": "https://ntfy.example/secret-topic"}
    assert sign_in("bob").post(path, json=body).status_code == 403
    made = carol.post(path, json=body)
    assert made.status_code == 201 and made.json()["address"] == body["address"]
    (seen,) = sign_in("bob").get(path).json()["items"]
    assert seen["address"] == "ntfy.example (path hidden)"
    method = f"/api/v1/oncall/contact-methods/{made.json()['id']}"
    assert sign_in("bob").delete(method).status_code == 403
    assert sign_in("bob").post(f"{method}/test").status_code == 403
    sent = carol.post(f"{method}/test")
    world.settle()
    assert sent.status_code == 202
    (delivery,) = carol.get("/api/v1/oncall/deliveries", params=sent.json()).json()["items"]
    assert (delivery["kind"], delivery["state"], delivery["channel"]) == ("test", "sent", "ntfy")
    assert carol.delete(method).status_code == 204
    assert [m["managed_by"] for m in carol.get(path).json()["items"]] == ["account"]


def test_an_escalation_is_seen_with_its_delivery_log_and_acknowledged(world: World, sign_in: SignIn) -> None:
    world.start("P0")
    world.forward(minutes=5)
    carol = sign_in("carol")
    (item,) = carol.get("/api/v1/oncall/escalations").json()["items"]
    assert (item["subject"], item["state"], item["people"]) == ("INC-1", "escalating", ["alice", "bob"])
    log = carol.get("/api/v1/oncall/deliveries?subject=INC-1").json()["items"]
    assert [(d["person"], d["state"]) for d in log] == [("alice", "sent"), ("bob", "sent")]
    assert carol.post("/api/v1/oncall/escalations/INC-1/acknowledge").json()["state"] == "acknowledged"
    again = carol.post("/api/v1/oncall/escalations/INC-1/page-again").json()
    assert (again["state"], again["people"]) == ("escalating", ["alice"])
    assert [e["id"] for e in carol.get("/api/v1/oncall/escalations/INC-1").json()["items"]] == [item["id"]]
