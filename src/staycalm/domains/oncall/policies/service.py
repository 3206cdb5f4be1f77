"""Writes of policies. Running escalations keep the steps they were started with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import sqlalchemy as sa

from staycalm.core.actor import Actor
from staycalm.core.errors import Conflict
from staycalm.core.priority import Priority
from staycalm.domains.oncall.events import PolicyChanged
from staycalm.domains.oncall.policies import queries
from staycalm.domains.oncall.policies.decisions import Policy, check_policy, steps_as_json
from staycalm.domains.oncall.policies.model import policies, timings
from staycalm.domains.oncall.policies.queries import Timing
from staycalm.kit.database import Tx


def put_policy(tx: Tx, actor: Actor, policy: Policy, *, managed_by: Literal["file", "web"]) -> None:
    """The policy is as given; raises Invalid, or Conflict when somebody else manages it."""
    check_policy(policy)
    old = queries.find_policy(tx, policy.name)
    if old is not None and old[1] != managed_by:
        raise Conflict("managed-elsewhere", f"escalation policy {policy.name} is managed by the {old[1]}")
    if old is not None and old[0] == policy:
        return
    values = {
        "name": policy.name,
        "steps": steps_as_json(policy.steps),
        "rounds": policy.rounds,
        "managed_by": managed_by,
    }
    tx.upsert(policies, values, on=["name"])
    _tell(tx, actor, policy.name, "added" if old is None else "changed")


def remove_policy(tx: Tx, actor: Actor, name: str) -> None:
    """The policy is gone; raises NotFound."""
    queries.get_policy(tx, name)
    tx.execute(policies.delete().where(policies.c.name == name))
    _tell(tx, actor, name, "removed")


def record_timings(tx: Tx, by_priority: Mapping[Priority, Timing]) -> None:
    """Escalations that start from now on follow this timing; the server says so at its start."""
    held = {row.priority for row in tx.rows(sa.select(timings.c.priority).limit(10))}
    if held and queries.timing_by_priority(tx) == dict(by_priority):
        return
    tx.execute(timings.delete())
    rows = [
        {
            "priority": priority,
            "page_after_s": timing.page_after_s,
            "acknowledgement_timeout_s": timing.acknowledgement_timeout_s,
        }
        for priority, timing in by_priority.items()
    ]
    tx.execute(timings.insert(), rows)


def _tell(tx: Tx, actor: Actor, name: str, change: str) -> None:
    tx.emit(actor, PolicyChanged(subject=f"policy/{name}", policy=name, change=change))
