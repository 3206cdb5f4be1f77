"""How long rows are kept: one rule per table, swept in small bites so that nobody waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from staycalm.kit.database.tables import deliveries, events
from staycalm.kit.database.transaction import Tx

BITE = 1000


@dataclass(frozen=True)
class Rule:
    """Rows of `table` go `keep_s` seconds after `since`, where `when` holds; 0 keeps them for ever."""

    table: sa.Table
    since: sa.ColumnElement[Any]
    keep_s: float
    when: sa.ColumnElement[bool] | None = None


def log_rules(*, events_keep_s: float, deliveries_keep_s: float) -> tuple[Rule, ...]:
    """Return the rules of the event log: an event outlives its deliveries."""
    at = sa.select(events.c.at).where(events.c.seq == deliveries.c.event_seq).scalar_subquery()
    return (
        Rule(deliveries, at, deliveries_keep_s, deliveries.c.state != "pending"),
        Rule(events, events.c.at, events_keep_s, ~sa.exists().where(deliveries.c.event_seq == events.c.seq)),
    )


def sweep(tx: Tx, rules: Sequence[Rule]) -> int:
    """At most 1,000 rows of each rule that are past their time are gone; returns how many there were."""
    swept = 0
    for rule in rules:
        if rule.keep_s <= 0:
            continue
        key = next(iter(rule.table.primary_key))
        past = rule.since < tx.now - timedelta(seconds=rule.keep_s)
        old = (
            sa.select(key).where(past, rule.when if rule.when is not None else sa.true()).order_by(key).limit(BITE)
        )
        swept += tx.execute(rule.table.delete().where(key.in_(old))).rowcount
    return swept
