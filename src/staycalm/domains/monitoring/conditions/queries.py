"""Reading rules and conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from staycalm.core.placement import Placement
from staycalm.core.priority import Priority
from staycalm.domains.monitoring.conditions.model import conditions, rules
from staycalm.domains.monitoring.machine import Condition
from staycalm.domains.monitoring.rules import Rule, effective_rules
from staycalm.kit.database import ReadTx
from staycalm.kit.shapes import prepare

prepare(Rule)

RULES_LIMIT = 500
CONDITIONS_LIMIT = 5000
PAGE = 1000
_KEY = tuple(conditions.primary_key)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a rule stands on a placement; `priority` is the one it fires with there."""

    rule: str
    placement: Placement
    condition: Condition
    priority: Priority


# These run with every look, so each is built once.
_RULES = sa.select(rules.c.body).order_by(rules.c.name).limit(RULES_LIMIT)
_OF_PLACEMENT = (
    sa.select(conditions)
    .where(
        conditions.c.service == sa.bindparam("service"), conditions.c.environment == sa.bindparam("environment")
    )
    .limit(CONDITIONS_LIMIT)
)


def declared_rules(tx: ReadTx) -> tuple[Rule, ...]:
    """Return the rules that the file declares, by name."""
    return tuple(msgspec.convert(row.body, Rule, strict=False) for row in tx.execute(_RULES))


def all_rules(tx: ReadTx) -> tuple[Rule, ...]:
    """Return the rules in force: the shipped ones, as overridden, and the declared ones."""
    return effective_rules(declared_rules(tx))


def _standing(row: sa.Row[Any]) -> Standing:
    condition = Condition(
        row.phase, row.since, row.held_s, row.fired_at, row.health, row.seen_at, row.value, row.detail
    )
    return Standing(row.rule, Placement(row.service, row.environment), condition, row.priority)


def standings_of(tx: ReadTx, placement: Placement) -> dict[str, Standing]:
    """Return where every rule that was ever looked at stands on the placement, by rule."""
    place = {"service": placement.service, "environment": placement.environment}
    return {row.rule: _standing(row) for row in tx.execute(_OF_PLACEMENT, place)}


def list_standings(tx: ReadTx, *, limit: int = CONDITIONS_LIMIT) -> tuple[Standing, ...]:
    """Return where every rule stands on every placement."""
    statement = (
        sa.select(conditions)
        .order_by(conditions.c.service, conditions.c.environment, conditions.c.rule)
        .limit(limit)
    )
    return tuple(_standing(row) for row in tx.rows(statement))


def every_standing(tx: ReadTx) -> Iterator[Standing]:
    """Yield where every rule stands on every placement, however many there are, a page at a time."""
    statement = sa.select(conditions).order_by(*_KEY).limit(PAGE)
    page = tx.rows(statement)
    while page:
        yield from map(_standing, page)
        last = page[-1]
        page = tx.rows(statement.where(sa.tuple_(*_KEY) > (last.rule, last.service, last.environment)))


def is_firing(tx: ReadTx, rule: str, service: str, environment: str, *, is_locked: bool = False) -> bool:
    """Return True while the rule fires on the placement; with `is_locked` until the transaction ends."""
    statement = sa.select(conditions.c.phase).where(
        conditions.c.rule == rule,
        conditions.c.service == service,
        conditions.c.environment == environment,
    )
    phase = tx.scalar(statement.with_for_update() if is_locked else statement)
    return phase in ("firing", "keeping")
