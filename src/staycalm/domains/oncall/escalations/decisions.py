"""Which step comes next and whom it reaches. Frozen steps and a position in, the next position out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from staycalm.core.durations import format_duration
from staycalm.domains.oncall.policies.decisions import Policy, Target, targets_as_json, targets_from_json

MOST_NAMED = 3
Urgency = Literal["page", "notify"]


@dataclass(frozen=True, slots=True)
class FrozenStep:
    """A step as the escalation keeps it: later edits of the policy do not reach it. Number 0 is the notice."""

    number: int
    urgency: Urgency
    targets: tuple[Target, ...]
    wait_s: float


@dataclass(frozen=True, slots=True)
class Position:
    """The step to take next: `index` into the frozen steps, in round 0, 1, …"""

    round: int = 0
    index: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """What happens now: `skipped` steps had nobody; `step` reaches `people`; None: nobody is left to page."""

    skipped: tuple[FrozenStep, ...]
    step: FrozenStep | None
    people: tuple[str, ...]
    round: int
    next: Position


def freeze(policy: Policy, page_after_s: float) -> tuple[FrozenStep, ...]:
    """Return the steps an escalation runs through.

    With `page_after_s` > 0 the first step's targets get a notice at once and that long to acknowledge
    before the first page (SOP §4.3 "P1: page within 15 min", §5.1 "P1: notify on-call").
    """
    pages = tuple(FrozenStep(n, "page", s.targets, s.wait_s) for n, s in enumerate(policy.steps, 1))
    if page_after_s <= 0:
        return pages
    return (FrozenStep(0, "notify", policy.steps[0].targets, page_after_s), *pages)


def pages_only(steps: Sequence[FrozenStep]) -> tuple[FrozenStep, ...]:
    """Return the steps without the notice: what runs once the priority has risen or a time-out passed."""
    return tuple(step for step in steps if step.urgency == "page")


def take_step(
    steps: Sequence[FrozenStep],
    rounds: int,
    position: Position,
    reachable: Callable[[Sequence[Target]], tuple[str, ...]],
) -> Taken:
    """Return the next step that reaches somebody, going on past empty steps without waiting.

    Gives up when the rounds are used up, or when every step of the policy is empty now: a further round
    at the same instant would find nobody either.
    """
    skipped: list[FrozenStep] = []
    while True:
        if position.index >= len(steps):
            position = Position(position.round + 1, 0)
        if position.round >= rounds:
            break
        step = steps[position.index]
        if step in skipped:
            break
        position = replace(position, index=position.index + 1)
        if step.urgency == "notify" and position.round > 0:
            continue
        people = reachable(step.targets)
        if people:
            return Taken(tuple(skipped), step, people, position.round, position)
        skipped.append(step)
    return Taken(tuple(skipped), None, (), position.round, position)


def after(step: FrozenStep, following: Taken, person: str) -> str:
    """Return who is asked next, and when, if `person` does not answer, as it is known now; "" after a notice.

    A notice is followed by a page to the same people, which its first line says.
    """
    if step.urgency == "notify":
        return ""
    if following.step is None:
        return "nobody else can be reached just now"
    others = [name for name in following.people if name != person]
    if not others:
        return f"you again, in {format_duration(step.wait_s)}"
    named = [*others[:MOST_NAMED], *([f"{len(others) - MOST_NAMED} more"] if len(others) > MOST_NAMED else [])]
    if person in following.people:
        named.append("you again")
    listed = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    return f"{listed}, in {format_duration(step.wait_s)}"


def step_key(generation: int, round_: int, step: FrozenStep) -> str:
    """Return the name of one reached step, unique within its escalation: `1.0.2`."""
    return f"{generation}.{round_}.{step.number}"


def steps_as_json(steps: Sequence[FrozenStep]) -> list[dict[str, Any]]:
    """Return what the row stores."""
    return [
        {"number": s.number, "urgency": s.urgency, "wait_s": s.wait_s, "targets": targets_as_json(s.targets)}
        for s in steps
    ]


def steps_from_json(stored: Sequence[Mapping[str, Any]]) -> tuple[FrozenStep, ...]:
    """Return the steps that `steps_as_json` wrote."""
    return tuple(
        FrozenStep(s["number"], s["urgency"], targets_from_json(s["targets"]), s["wait_s"]) for s in stored
    )
