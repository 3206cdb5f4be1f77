"""How long rows are kept: one rule per table, swept in small bites so that nobody waits for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from staycalm.kit.database.tables import deliveries, events
from staycalm.kit.database.transaction import Tx

BITE = 1000


@dataclass(frozen=True)
class Rule:
    """Rows of `table` go `keep_s` seconds after `since`, where `when` holds; 0 keeps them for ever.

    The oldest go first, so that an index on `since` finds them. `past(cutoff)` stands in for
    `since < cutoff` where the time is another table's.
    """

    table: sa.Table
    since: sa.ColumnElement[Any]
    keep_s: float
    when: sa.ColumnElement[bool] | None = None
    past: Callable[[datetime], sa.ColumnElement[bool]] | None = None


def log_rules(*, events_keep_s: float, deliveries_keep_s: float) -> tuple[Rule, ...]:
    """Return the rules of the event log: an event outlives its deliveries."""

    def of_old_events(cutoff: datetime) -> sa.ColumnElement[bool]:
        newest_old = (
            sa.select(events.c.seq)
            .where(events.c.at < cutoff)
            .order_by(events.c.at.desc(), events.c.seq.desc())
            .limit(1)
        )
        return deliveries.c.event_seq <= newest_old.scalar_subquery()

    return (
        Rule(
            deliveries,
            deliveries.c.event_seq,
            deliveries_keep_s,
            deliveries.c.state != "pending",
            past=of_old_events,
        ),
        Rule(events, events.c.at, events_keep_s, ~sa.exists().where(deliveries.c.event_seq == events.c.seq)),
    )


def sweep(tx: Tx, rules: Sequence[Rule]) -> int:
    """At most 1,000 rows of each rule that are past their time are gone; returns how many there were."""
    swept = 0
    for rule in rules:
        if rule.keep_s <= 0:
            continue
        key = next(iter(rule.table.primary_key))
        cutoff = tx.now - timedelta(seconds=rule.keep_s)
        past = rule.past(cutoff) if rule.past is not None else rule.since < cutoff
        when = rule.when if rule.when is not None else sa.true()
        old = sa.select(key).where(past, when).order_by(rule.since).limit(BITE)
        swept += tx.execute(rule.table.delete().where(key.in_(old))).rowcount
    return swept
