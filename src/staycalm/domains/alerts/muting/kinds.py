"""Muting what is like the chosen alerts: one silence for each service, environment and rule among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from staycalm.core.actor import Actor
from staycalm.core.errors import Invalid
from staycalm.domains.alerts.browsing.decisions import AlertFilter
from staycalm.domains.alerts.browsing.queries import open_conditions
from staycalm.domains.alerts.model import alerts
from staycalm.domains.alerts.muting.decisions import MATCHERS_LIMIT, Matcher, Silence, muting_labels
from staycalm.domains.alerts.muting.service import create_silence
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.kit.database import ReadTx, Tx

MOST_KINDS = 20
MOST_LOOKED_AT = 20_000


@dataclass(frozen=True, slots=True)
class Kind:
    """Alerts of one rule on one placement; `many` of them are open now and would be muted."""

    service: str
    environment: str
    rule: str
    many: int

    @property
    def matchers(self) -> tuple[str, ...]:
        return tuple(
            f"{name}={value}"
            for name, value in (
                ("service", self.service), ("environment", self.environment), ("rule", self.rule)
            )
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Preview:
    """What is muted, or would be. `is_cut`: at least so many; `examples` are summaries."""

    many: int
    is_cut: bool
    examples: tuple[str, ...]


def of_named(tx: ReadTx, ids: Sequence[str]) -> tuple[Kind, ...]:
    """Return the kinds of these alerts, the most frequent first. Raises Invalid for more than twenty."""
    return _kinds(tx, [alerts.c.dedup_key.isnot(None), alerts.c.id.in_(list(ids))])


def of_matching(tx: ReadTx, wanted: AlertFilter) -> tuple[Kind, ...]:
    """Return the kinds of what the filter matches. Raises Invalid for more than twenty."""
    return _kinds(tx, open_conditions(tx, wanted))


def _kinds(tx: ReadTx, conditions: Sequence[sa.ColumnElement[bool]]) -> tuple[Kind, ...]:
    c = alerts.c
    alike = (c.service, c.environment, c.rule)
    chosen = sa.select(*alike).where(*conditions).distinct().limit(MOST_KINDS + 1)
    found = [tuple(row) for row in tx.rows(chosen)]
    if len(found) > MOST_KINDS:
        raise Invalid(
            "too-many-kinds",
            f"the alerts are of more than {MOST_KINDS} kinds",
            next_step="Choose fewer, write matchers by hand, or start a maintenance.",
        )
    many = sa.func.count().label("many")
    is_like_them = sa.and_(c.dedup_key.isnot(None), sa.tuple_(*alike).in_(found))
    rows = tx.rows(sa.select(*alike, many).where(is_like_them).group_by(*alike)) if found else []
    return tuple(sorted((Kind(**row._mapping) for row in rows), key=lambda kind: -kind.many))


def silence_all(
    tx: Tx, actor: Actor, kinds: Sequence[Kind], *, reason: str, until: datetime, settings: AlertsSettings
) -> tuple[Silence, ...]:
    """Every kind is muted until then. A rule whose name is no matcher's value is refused as Invalid."""
    return tuple(
        create_silence(tx, actor, matchers=kind.matchers, reason=reason, until=until, settings=settings)
        for kind in kinds
    )


def preview(tx: ReadTx, matchers: Sequence[Matcher]) -> Preview:
    """Return what the matchers would mute now, from at most 20,000 open alerts."""
    assert len(matchers) <= MATCHERS_LIMIT
    c = alerts.c
    columns = (c.service, c.environment, c.rule, c.priority, c.labels, c.summary)
    statement = sa.select(*columns).where(c.dedup_key.isnot(None), c.state != "suppressed")
    for matcher in matchers:
        is_exact = matcher.operator == "=" and not matcher.value.endswith("*")
        if is_exact and matcher.label in ("service", "environment", "rule", "priority"):
            statement = statement.where(c[matcher.label] == matcher.value)
    rows = tx.rows(statement.limit(MOST_LOOKED_AT))
    muted = [
        row.summary
        for row in rows
        if _all_match(
            matchers,
            muting_labels(
                service=row.service,
                environment=row.environment,
                rule=row.rule,
                priority=row.priority,
                labels=row.labels,
            ),
        )
    ]
    return Preview(len(muted), len(rows) == MOST_LOOKED_AT, tuple(muted[:5]))


def muted_by(tx: ReadTx, mute: str) -> Preview:
    """Return what the silence or maintenance mutes now, from at most 20,000 alerts."""
    c = alerts.c
    is_muted = sa.and_(c.suppressed_by == mute, c.state == "suppressed", c.dedup_key.isnot(None))
    rows = tx.rows(sa.select(c.summary).where(is_muted).order_by(c.id).limit(MOST_LOOKED_AT))
    return Preview(len(rows), len(rows) == MOST_LOOKED_AT, tuple(row.summary for row in rows[:5]))


def _all_match(matchers: Sequence[Matcher], labels: dict[str, str]) -> bool:
    return all(matcher.matches(labels) for matcher in matchers)
