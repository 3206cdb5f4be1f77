"""What comes next for a deployment, and what a look at the traffic means. Pure: facts and `now` in, answer out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from staycalm.core.actor import Actor
from staycalm.core.errors import Forbidden

Means = Literal["weights", "instances"]
Next = Literal[
    "begin", "start_candidate", "check_ready", "open_routes", "smoke_test", "set_weight",
    "watch", "send_back", "expire", "nothing",
]  # fmt: skip
Recheck = Literal["", "advance", "complete"]


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a deployment stands. `arriving` is the state of the revision that is being brought up:
    the candidate, or in a rollback to a revision that no longer runs, that one; None when there is none.
    """

    state: str
    deadline_at: datetime | None
    arriving: str | None
    are_routes_open: bool
    did_smoke_pass: bool
    recheck: Recheck
    is_weight_confirmed: bool
    needs_routes: bool = True


def next_step(at: Situation, now: datetime) -> Next:
    """Return the one thing to do now. A state whose deadline passed only expires.

    rolling-back has no expiry: going back is tried for ever, its deadline only raises the alarm again. Where
    stable no longer runs and must be started for it, that part has one: what is live then stays.
    """
    is_late = at.deadline_at is not None and now >= at.deadline_at
    if at.state == "rolling-back":
        return _next_on_the_way_back(at, is_late=is_late)
    if is_late and at.state in ("pending", "preparing", "smoke-testing", "shifting", "verifying"):
        return "expire"
    if at.state == "pending":
        return "begin"
    if at.state == "preparing":
        return _bring_up(at) or "nothing"
    if at.state == "smoke-testing":
        if at.needs_routes and not at.are_routes_open:
            return "open_routes"
        return "set_weight" if at.did_smoke_pass else "smoke_test"
    if at.state in ("shifting", "verifying"):
        if not at.is_weight_confirmed:
            return "set_weight"
        return "smoke_test" if at.recheck else "watch"
    return "nothing"


def _bring_up(at: Situation) -> Next | None:
    if at.arriving == "created":
        return "start_candidate"
    if at.arriving == "starting":
        return "check_ready"
    return None


def _next_on_the_way_back(at: Situation, *, is_late: bool) -> Next:
    if at.arriving is not None and not at.did_smoke_pass:
        if is_late:
            return "expire"
        step = _bring_up(at)
        if step is not None:
            return step
        if at.needs_routes and not at.are_routes_open:
            return "open_routes"
        return "smoke_test"
    return "send_back"


@dataclass(frozen=True, slots=True)
class Health:
    """What was seen of the candidate in a row of looks; counts are consecutive looks that saw it."""

    is_running: bool = True
    restarts: int = 0
    unhealthy_looks: int = 0
    memberless_looks: int = 0
    detail: str = ""


UNHEALTHY_LOOKS = 3
MEMBERLESS_LOOKS = 2


def hard_trigger(health: Health) -> str | None:
    """Return why the candidate must go without any statistics (SOP §3.2 "failed health checks"), or None."""
    if not health.is_running:
        return f"the candidate's process is gone{_because(health.detail)}"
    if health.restarts:
        return f"the candidate's process died and was started again{_because(health.detail)}"
    if health.unhealthy_looks >= UNHEALTHY_LOOKS:
        return f"the candidate failed {health.unhealthy_looks} health checks in a row{_because(health.detail)}"
    if health.memberless_looks >= MEMBERLESS_LOOKS:
        return "the proxy has no healthy member of the candidate"
    return None


def _because(detail: str) -> str:
    return f": {detail}" if detail else ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the rules about a rollout depend on besides the look itself."""

    state: str
    tier: int
    may_roll_back: bool
    why_not_roll_back: str
    is_frozen: bool
    held_code: str | None
    waived: frozenset[str]
    step_ends_at: datetime | None
    is_baseline: bool = False


@dataclass(frozen=True, slots=True)
class Reaction:
    """What to do after a look: roll_back, hold, advance (proven), recheck (smoke tests decide), or stay."""

    kind: Literal["roll_back", "hold", "advance", "recheck", "stay"]
    reason: str = ""
    code: str = ""
    is_urgent: bool = False


STAY = Reaction("stay")
MUST_NOT_ROLL_BACK = "must-not-roll-back"
TOO_LITTLE_TRAFFIC = "too-little-traffic"


def react(at: Standing, *, verdict: str, reason: str, code: str, trigger: str | None, now: datetime) -> Reaction:
    """Return the reaction to one look; reading-the-spec.md "INSUFFICIENT", "HOLD", "rollback_safe"."""
    if trigger is not None or verdict == "ROLLBACK":
        why = trigger or reason
        if at.may_roll_back:
            return Reaction("roll_back", why, "hard-trigger" if trigger else code)
        if at.held_code == MUST_NOT_ROLL_BACK or MUST_NOT_ROLL_BACK in at.waived:
            return STAY
        return Reaction(
            "hold", f"{why}; not rolled back by itself: {at.why_not_roll_back}", MUST_NOT_ROLL_BACK, is_urgent=True
        )
    is_new_hold = verdict == "HOLD" and code not in at.waived
    if is_new_hold and at.held_code is None:
        return Reaction("hold", reason, code)
    if at.is_frozen or is_new_hold or at.step_ends_at is None or now < at.step_ends_at:
        return STAY
    return _at_the_end_of_a_step(at, verdict, reason)


def _at_the_end_of_a_step(at: Standing, verdict: str, reason: str) -> Reaction:
    if at.is_baseline:
        return Reaction("advance", "what is normal for stable is known", "baseline")
    if at.state == "verifying":
        return Reaction("recheck", reason, "complete")
    if verdict == "PROCEED":
        return Reaction("advance", reason, "proven")
    if at.tier == 1 and TOO_LITTLE_TRAFFIC not in at.waived and verdict != "HOLD":
        return Reaction("hold", f"{reason}; tier 1 waits for a person", TOO_LITTLE_TRAFFIC)
    return Reaction("recheck", reason, "advance")


def adopted_generation(observed: Iterable[int | None], reserved: Iterable[int]) -> int | None:
    """Return the reserved rollback generation that some edge has in force, or None.

    The highest wins: the edges that are behind follow.
    """
    wanted = set(reserved)
    found = [generation for generation in observed if generation is not None and generation in wanted]
    return max(found, default=None)


def instances_at(weight: float, instances: int) -> tuple[int, int]:
    """Return (candidate, stable) instances of a worker at `weight` percent of `instances` in all.

    Anything above 0 is at least one; delivery.md "deployed by instances (drain one, start one)".
    """
    if weight <= 0:
        return 0, instances
    candidate = min(instances, max(1, round(instances * weight / 100)))
    return candidate, instances - candidate


def check_may_deploy(
    actor: Actor, *, is_production: bool, is_hotfix: bool, reason: str, people_deploy_freely: bool
) -> bool:
    """Return whether the deployment is flagged manual; raises Forbidden where a person gave no reason.

    SOP §1.1 tier "Deployment (Automated CI/CD only)", §2.1 "Manual: emergency hotfixes only".
    """
    if actor.kind != "person":
        return False
    if is_production and not people_deploy_freely and not (is_hotfix and reason.strip()):
        raise Forbidden(
            "needs-hotfix",
            "a person deploys to production only as a hotfix with a reason",
            next_step='Merge and let CI deploy, or add --hotfix --reason="why it cannot wait". '
            "A server may waive this with deployments.people_deploy_freely.",
        )
    return True


@dataclass(frozen=True, slots=True)
class Times:
    """How long each state may take, in seconds."""

    pending_s: float = 600.0
    preparing_s: float = 300.0
    smoke_testing_s: float = 300.0
    shifting_slack_s: float = 3600.0
    verifying_s: float = 600.0
    rolling_back_s: float = 60.0
    held_s: float = 86400.0


def state_limit_s(state: str, times: Times, *, start_deadline_s: float, steps_s: float, verify_s: float) -> float:
    """Return how long a deployment may stay in `state`. Time spent held or paused is added by whoever frees it."""
    if state == "pending":
        return times.pending_s
    if state == "preparing":
        return max(times.preparing_s, start_deadline_s * 1.5)
    if state == "smoke-testing":
        return times.smoke_testing_s
    if state == "shifting":
        return 2 * steps_s + times.shifting_slack_s
    if state == "verifying":
        return 2 * verify_s + times.verifying_s
    return times.rolling_back_s


def retry_after_s(attempts: int, *, first_s: float = 0.2, most_s: float = 10.0) -> float:
    """Return the pause before the next try of something outside: doubling, at most `most_s`."""
    return min(most_s, first_s * 2.0 ** min(max(attempts - 1, 0), 16))
