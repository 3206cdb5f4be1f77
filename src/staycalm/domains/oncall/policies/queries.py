"""Reads of policies and of the timing per priority."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from staycalm.core.errors import NotFound
from staycalm.core.priority import Priority
from staycalm.domains.catalog import public as catalog
from staycalm.domains.oncall.policies.decisions import Policy, Step, targets_from_json
from staycalm.domains.oncall.policies.model import policies, timings
from staycalm.domains.oncall.settings import OncallSettings
from staycalm.kit.database import ReadTx

MAX_POLICIES = 1000


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a priority is told before it pages, and after which an acknowledgement runs out (0: never)."""

    page_after_s: float
    acknowledgement_timeout_s: float


def find_policy(tx: ReadTx, name: str) -> tuple[Policy, str] | None:
    """Return the policy and who manages it, or None."""
    row = tx.one_or_none(sa.select(policies).where(policies.c.name == name))
    return (_policy(row), row.managed_by) if row is not None else None


def get_policy(tx: ReadTx, name: str) -> Policy:
    """Return the policy; raises NotFound."""
    found = find_policy(tx, name)
    if found is None:
        raise NotFound("no-policy", f"there is no escalation policy {name[:63]!r}")
    return found[0]


def list_policies(tx: ReadTx, *, managed_by: str | None = None) -> tuple[Policy, ...]:
    """Return every policy by name."""
    statement = sa.select(policies).order_by("name").limit(MAX_POLICIES)
    if managed_by is not None:
        statement = statement.where(policies.c.managed_by == managed_by)
    return tuple(_policy(row) for row in tx.rows(statement))


def policies_for(tx: ReadTx, policy: str | None, service: str | None) -> tuple[Policy, ...]:
    """Return the policies to try in order: the one asked for, the service's, the organisation's default."""
    names = [policy]
    known = catalog.find_service(tx, service) if service is not None else None
    if known is not None:
        names.append(known.escalation_policy)
    names.append(catalog.get_organisation(tx).escalation_policy)
    found = (find_policy(tx, name) for name in dict.fromkeys(names) if name is not None)
    return tuple(each[0] for each in found if each is not None)


def timing_by_priority(tx: ReadTx) -> dict[Priority, Timing]:
    """Return the timing of every priority that pages; the defaults while the server has said nothing."""
    rows = tx.rows(sa.select(timings).limit(10))
    if rows:
        return {r.priority: Timing(r.page_after_s, r.acknowledgement_timeout_s) for r in rows}
    defaults = OncallSettings()
    timeouts = defaults.acknowledgement_timeout_s()
    return {priority: Timing(after_s, timeouts[priority]) for priority, after_s in defaults.page_after_s().items()}


def _policy(row: sa.Row[Any]) -> Policy:
    steps = (Step(targets_from_json(s["targets"]), s["wait_s"]) for s in row.steps)
    return Policy(row.name, tuple(steps), row.rounds)
