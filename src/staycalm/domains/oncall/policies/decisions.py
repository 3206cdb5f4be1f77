"""Escalation policies: ordered steps, their targets, and which priority pages when. Pure."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from staycalm.core.errors import Invalid
from staycalm.core.priority import Priority

TargetKind = Literal["schedule", "person", "team"]
TargetRole = Literal["primary", "secondary"]
MAX_ROUNDS = 20
MAX_STEPS = 20
DEFAULT_WAIT_S = 300.0
DEFAULT_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a step reaches: a person, everybody in a team, or who holds `role` of a schedule just then."""

    kind: TargetKind
    name: str
    role: TargetRole = "primary"

    def __str__(self) -> str:
        return f"{self.role} of {self.name}" if self.kind == "schedule" else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: page `targets`, then give them `wait_s` seconds to acknowledge before the next rung."""

    targets: tuple[Target, ...]
    wait_s: float


@dataclass(frozen=True, slots=True)
class Policy:
    """Ordered steps, gone through `rounds` times (1–20) before nobody has answered."""

    name: str
    steps: tuple[Step, ...]
    rounds: int = 1


def check_policy(policy: Policy) -> Policy:
    """Return `policy`; raises Invalid when it could not page anybody or would page without end."""
    if not 1 <= len(policy.steps) <= MAX_STEPS:
        raise Invalid("bad-policy", f"policy {policy.name} needs 1 to {MAX_STEPS} steps")
    if not 1 <= policy.rounds <= MAX_ROUNDS:
        raise Invalid("bad-policy", f"policy {policy.name} repeats {policy.rounds} times; use 1 to {MAX_ROUNDS}")
    if any(not step.targets for step in policy.steps):
        raise Invalid("bad-policy", f"policy {policy.name} has a step without a target")
    return policy


def check_pages(priority: Priority, paging: Container[Priority]) -> None:
    """Raise Invalid for a priority that never pages."""
    if priority not in paging:
        raise Invalid(
            "does-not-page",
            f"{priority} does not page anybody",
            next_step="P2 becomes a ticket and P3 stays on the dashboard; raise it to P1 or P0 to page.",
        )


def steps_as_json(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Return what the row stores."""
    return [{"wait_s": s.wait_s, "targets": targets_as_json(s.targets)} for s in steps]


def targets_as_json(targets: Sequence[Target]) -> list[dict[str, str]]:
    """Return what a row stores of targets."""
    return [{"kind": t.kind, "name": t.name, "role": t.role} for t in targets]


def targets_from_json(stored: Sequence[Mapping[str, Any]]) -> tuple[Target, ...]:
    """Return the targets that `targets_as_json` wrote."""
    return tuple(Target(**each) for each in stored)
