"""What comes next, and what a look means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.actor import Actor
from staycalm.core.errors import Forbidden, Invalid
from staycalm.domains.deployments.decisions import (
    Health,
    Situation,
    Standing,
    Times,
    adopted_generation,
    check_may_deploy,
    hard_trigger,
    instances_at,
    next_step,
    react,
    retry_after_s,
    state_limit_s,
)
from staycalm.domains.deployments.machine import STATES
from staycalm.domains.deployments.names import read_name

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=60)
HERE = Situation(
    state="pending", deadline_at=LATER, arriving=None, are_routes_open=False, did_smoke_pass=False, recheck="",
    is_weight_confirmed=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "step"),
    [
        ({"state": "pending"}, "begin"),
        ({"state": "preparing", "arriving": "created"}, "start_candidate"),
        ({"state": "preparing", "arriving": "starting"}, "check_ready"),
        ({"state": "smoke-testing", "arriving": "ready"}, "open_routes"),
        ({"state": "smoke-testing", "arriving": "ready", "needs_routes": False}, "smoke_test"),
        ({"state": "smoke-testing", "are_routes_open": True}, "smoke_test"),
        ({"state": "smoke-testing", "are_routes_open": True, "did_smoke_pass": True}, "set_weight"),
        ({"state": "shifting"}, "set_weight"),
        ({"state": "shifting", "is_weight_confirmed": True}, "watch"),
        ({"state": "shifting", "is_weight_confirmed": True, "recheck": "advance"}, "smoke_test"),
        ({"state": "verifying", "is_weight_confirmed": True}, "watch"),
        ({"state": "verifying", "is_weight_confirmed": True, "recheck": "complete"}, "smoke_test"),
        ({"state": "rolling-back"}, "send_back"),
        ({"state": "rolling-back", "arriving": "created"}, "start_candidate"),
        ({"state": "rolling-back", "arriving": "starting"}, "check_ready"),
        ({"state": "rolling-back", "arriving": "ready"}, "open_routes"),
        ({"state": "rolling-back", "arriving": "ready", "are_routes_open": True}, "smoke_test"),
        (
            {"state": "rolling-back", "arriving": "ready", "are_routes_open": True, "did_smoke_pass": True},
            "send_back",
        ),
        ({"state": "completed"}, "nothing"),
        ({"state": "aborted"}, "nothing"),
        ({"state": "rolled-back"}, "nothing"),
    ],
)
def test_one_thing_comes_next(changed: dict[str, object], step: str) -> None:
    assert next_step(replace(HERE, **changed), NOW) == step  # type: ignore[arg-type]


@pytest.mark.parametrize("state", ["pending", "preparing", "smoke-testing", "shifting", "verifying"])
def test_past_its_deadline_a_state_only_expires(state: str) -> None:
    late = replace(HERE, state=state, deadline_at=NOW, arriving="starting", is_weight_confirmed=True)
    assert next_step(late, NOW) == "expire"


def test_going_back_never_expires_but_waiting_for_the_old_one_does() -> None:
    late = replace(HERE, state="rolling-back", deadline_at=NOW)
    assert next_step(late, NOW) == "send_back"
    assert next_step(replace(late, arriving="starting"), NOW) == "expire"
    assert next_step(replace(late, arriving="ready", did_smoke_pass=True), NOW) == "send_back"


@given(
    st.builds(
        Situation,
        state=st.sampled_from(STATES),
        deadline_at=st.sampled_from([None, NOW, LATER]),
        arriving=st.sampled_from([None, "created", "starting", "ready", "serving"]),
        are_routes_open=st.booleans(),
        did_smoke_pass=st.booleans(),
        recheck=st.sampled_from(["", "advance", "complete"]),
        is_weight_confirmed=st.booleans(),
        needs_routes=st.booleans(),
    )
)
def test_weights_are_never_touched_before_smoke_tests_passed(at: Situation) -> None:
    step = next_step(at, NOW)
    if at.state == "smoke-testing" and not at.did_smoke_pass:
        assert step in ("open_routes", "smoke_test", "expire")
    if at.state not in ("shifting", "verifying"):
        assert step != "watch"
    if step == "start_candidate":
        assert at.arriving == "created"


OPEN = Standing(
    state="shifting", tier=3, may_roll_back=True, why_not_roll_back="", is_frozen=False, held_code=None,
    waived=frozenset(), step_ends_at=LATER,
)  # fmt: skip
OVER = replace(OPEN, step_ends_at=NOW)


@pytest.mark.parametrize(
    ("standing", "verdict", "trigger", "kind"),
    [
        (OPEN, "PROCEED", None, "stay"),
        (OPEN, "INSUFFICIENT", None, "stay"),
        (OVER, "PROCEED", None, "advance"),
        (OVER, "INSUFFICIENT", None, "recheck"),
        (replace(OVER, tier=1), "INSUFFICIENT", None, "hold"),
        (replace(OVER, tier=1, waived=frozenset({"too-little-traffic"})), "INSUFFICIENT", None, "recheck"),
        (replace(OVER, state="verifying"), "PROCEED", None, "recheck"),
        (replace(OVER, is_baseline=True), "INSUFFICIENT", None, "advance"),
        (OPEN, "HOLD", None, "hold"),
        (replace(OPEN, held_code="slow", is_frozen=True), "HOLD", None, "stay"),
        (replace(OVER, waived=frozenset({"slow"})), "HOLD", None, "recheck"),
        (replace(OVER, is_frozen=True), "PROCEED", None, "stay"),
        (OPEN, "ROLLBACK", None, "roll_back"),
        (replace(OPEN, is_frozen=True), "ROLLBACK", None, "roll_back"),
        (OPEN, "PROCEED", "gone", "roll_back"),
        (replace(OPEN, may_roll_back=False), "ROLLBACK", None, "hold"),
        (replace(OPEN, may_roll_back=False, held_code="must-not-roll-back"), "ROLLBACK", None, "stay"),
        (replace(OPEN, may_roll_back=False, held_code="slow"), "ROLLBACK", None, "hold"),
    ],
)
def test_a_look_leads_to_one_reaction(standing: Standing, verdict: str, trigger: str | None, kind: str) -> None:
    assert react(standing, verdict=verdict, reason="why", code="slow", trigger=trigger, now=NOW).kind == kind


@given(
    st.builds(
        Standing,
        state=st.sampled_from(["shifting", "verifying"]),
        tier=st.integers(1, 4),
        may_roll_back=st.booleans(),
        why_not_roll_back=st.just("because"),
        is_frozen=st.booleans(),
        held_code=st.sampled_from([None, "slow", "must-not-roll-back"]),
        waived=st.frozensets(st.sampled_from(["slow", "too-little-traffic", "must-not-roll-back"])),
        step_ends_at=st.sampled_from([None, NOW, LATER]),
        is_baseline=st.booleans(),
    ),
    st.sampled_from(["ROLLBACK", "HOLD", "PROCEED", "INSUFFICIENT"]),
    st.sampled_from([None, "the process is gone"]),
)
def test_bad_is_never_promoted_and_frozen_never_moves_on(
    standing: Standing, verdict: str, trigger: str | None
) -> None:
    kind = react(standing, verdict=verdict, reason="why", code="slow", trigger=trigger, now=NOW).kind
    if verdict == "ROLLBACK" or trigger is not None:
        assert kind == "roll_back" if standing.may_roll_back else kind in ("hold", "stay")
    else:
        assert kind != "roll_back"
    if standing.is_frozen:
        assert kind not in ("advance", "recheck")
    if kind == "advance":
        assert verdict == "PROCEED" or standing.is_baseline


@pytest.mark.parametrize(
    ("health", "part"),
    [
        (Health(), None),
        (Health(unhealthy_looks=2, memberless_looks=1), None),
        (Health(is_running=False, detail="signal 9"), "gone: signal 9"),
        (Health(restarts=1), "started again"),
        (Health(unhealthy_looks=3), "3 health checks in a row"),
        (Health(memberless_looks=2), "no healthy member"),
    ],
)
def test_some_things_need_no_statistics(health: Health, part: str | None) -> None:
    found = hard_trigger(health)
    assert (found is None) if part is None else (found is not None and part in found)


@given(st.floats(0, 100), st.integers(1, 200))
def test_all_instances_of_a_worker_are_shared_out(weight: float, instances: int) -> None:
    candidate, stable = instances_at(weight, instances)
    assert candidate + stable == instances and candidate >= 0 and stable >= 0
    assert (candidate > 0) == (weight > 0)
    assert instances_at(100, instances) == (instances, 0)


@given(st.lists(st.one_of(st.none(), st.integers(0, 9))), st.sets(st.integers(0, 9)))
def test_only_a_reserved_generation_is_adopted(observed: list[int | None], reserved: set[int]) -> None:
    adopted = adopted_generation(observed, reserved)
    both = {each for each in observed if each is not None} & reserved
    assert adopted == (max(both) if both else None)


def test_ci_deploys_freely_and_people_say_why() -> None:
    ci, alice = Actor("service", "ci"), Actor("person", "alice")
    free = {"is_production": True, "is_hotfix": False, "reason": "", "people_deploy_freely": False}
    assert check_may_deploy(ci, **free) is False
    with pytest.raises(Forbidden):
        check_may_deploy(alice, **free)
    with pytest.raises(Forbidden):
        check_may_deploy(alice, **{**free, "is_hotfix": True, "reason": "  "})
    assert check_may_deploy(alice, **{**free, "is_production": False})
    assert check_may_deploy(alice, **{**free, "people_deploy_freely": True})


@given(st.sampled_from(STATES), st.floats(1, 600), st.floats(0, 7200), st.floats(0, 600))
def test_every_state_has_a_limit_beyond_its_work(
    state: str, start_deadline_s: float, steps_s: float, verify_s: float
) -> None:
    limit_s = state_limit_s(state, Times(), start_deadline_s=start_deadline_s, steps_s=steps_s, verify_s=verify_s)
    assert limit_s > {"preparing": start_deadline_s, "shifting": steps_s, "verifying": verify_s}.get(state, 0)


@given(st.integers(0, 10_000))
def test_tries_become_rarer_up_to_a_limit(attempts: int) -> None:
    assert 0.2 <= retry_after_s(attempts) <= retry_after_s(attempts + 1) <= 10


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("DEP-7", ("id", "DEP-7")), ("dep-7", ("id", "DEP-7")), ("abc123", ("hex", "abc123")),
        ("sha256:ABC123", ("digest", "abc123")), (" deadbeef ", ("hex", "deadbeef")),
    ],
)  # fmt: skip
def test_a_deployment_has_several_names(text: str, wanted: tuple[str, str]) -> None:
    assert read_name(text) == wanted


@pytest.mark.parametrize("text", ["", "DEP-0", "DEP-", "abc", "shop", "sha256:xyz", "DEP-1 or 1=1"])
def test_what_names_no_deployment_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_name(text)
