"""The section `escalation_policies` of staycalm.yaml: ordered steps by policy name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from staycalm.core.actor import Actor
from staycalm.core.durations import format_duration
from staycalm.domains.catalog.public import Change, Names, Node
from staycalm.domains.oncall.policies import queries, service
from staycalm.domains.oncall.policies.decisions import (
    DEFAULT_ROUNDS,
    DEFAULT_WAIT_S,
    MAX_ROUNDS,
    MAX_STEPS,
    Policy,
    Step,
    Target,
    TargetKind,
)
from staycalm.kit.database import ReadTx, Tx

FORMS = "primary of SCHEDULE, secondary of SCHEDULE, person HANDLE or team NAME"
_TARGET = re.compile(r"(?:(primary|secondary) of|(person|team)) (\S+)\Z")


class PoliciesSection:
    """`escalation_policies: {default: {rounds: 3, steps: [{page: primary of platform, wait: 5m}]}}`."""

    name = "escalation_policies"
    under: Literal["file", "person"] = "file"

    def parse(self, node: Node, names: Names) -> tuple[Policy, ...]:
        declared = tuple(_parse(key.name(), value, names) for key, value in node.entries())
        known = [policy.name for policy in declared]
        for reference in names.references.get("escalation_policy", ()):
            reference.reference(known, "escalation policy")
        return declared

    def plan(self, tx: ReadTx, objects: tuple[Policy, ...]) -> tuple[Change, ...]:
        held = {policy.name: policy for policy in queries.list_policies(tx)}
        changes: list[Change] = []
        for policy in objects:
            old = held.get(policy.name)
            if old is None:
                changes.append(Change("add", f"escalation policy {policy.name}", _shown(policy)))
            elif old != policy:
                detail = f"{_shown(old)} → {_shown(policy)}"
                changes.append(Change("change", f"escalation policy {policy.name}", detail))
        return (*changes, *(Change("remove", f"escalation policy {name}") for name in _gone(tx, objects)))

    def apply(self, tx: Tx, actor: Actor, objects: tuple[Policy, ...]) -> None:
        for name in _gone(tx, objects):
            service.remove_policy(tx, actor, name)
        for policy in objects:
            service.put_policy(tx, actor, policy, managed_by="file")


def _parse(name: str, node: Node, names: Names) -> Policy:
    f = node.fields("steps", "rounds")
    f.require("steps")
    steps = tuple(_step(item, names) for item in f["steps"].nodes())
    if not f["steps"].is_absent and not 1 <= len(steps) <= MAX_STEPS:
        f["steps"].report(f"the policy has {len(steps)} steps", f"use 1 to {MAX_STEPS}")
    return Policy(name, steps, f.integer("rounds", DEFAULT_ROUNDS, least=1, most=MAX_ROUNDS))


def _step(node: Node, names: Names) -> Step:
    f = node.fields("page", "wait")
    f.require("page")
    items = (f["page"],) if f["page"].kind == "scalar" else f["page"].nodes()
    targets = tuple(target for item in items if (target := _target(item, names)) is not None)
    if not items and not f["page"].is_absent:
        f["page"].report("the step pages nobody", f"write {FORMS}")
    return Step(targets, f.duration_s("wait", DEFAULT_WAIT_S, least_s=1.0, most_s=86400.0))


def _target(node: Node, names: Names) -> Target | None:
    match = _TARGET.match(" ".join(node.text().split()))
    if match is None:
        node.report(f"{node.raw!r} is not a target", f"write {FORMS}")
        return None
    role, other, name = match.groups()
    kind: TargetKind = "schedule" if role else "team" if other == "team" else "person"
    known = {
        "schedule": names.declared.get("schedules", frozenset()),
        "person": names.people,
        "team": names.teams,
    }[kind]
    if name not in known:
        there = f"known are: {', '.join(sorted(known))}" if known else f"no {kind} is declared"
        node.report(f"there is no {kind} {name!r}", there)
        return None
    return Target(kind, name, "secondary" if role == "secondary" else "primary")


def _gone(tx: ReadTx, objects: Sequence[Policy]) -> list[str]:
    wanted = {policy.name for policy in objects}
    return [policy.name for policy in queries.list_policies(tx, managed_by="file") if policy.name not in wanted]


def _shown(policy: Policy) -> str:
    waits = ((", ".join(map(str, step.targets)), format_duration(step.wait_s)) for step in policy.steps)
    steps = "; ".join(f"{targets}, {wait}" for targets, wait in waits)
    return f"{steps} ({policy.rounds} times)" if policy.rounds > 1 else steps
