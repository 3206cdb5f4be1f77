"""Writes of conditions: one evaluation, one guarded step, one event per transition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import sqlalchemy as sa

from staycalm.core.actor import SYSTEM
from staycalm.core.placement import Placement
from staycalm.domains.catalog.public import PlacementConfig
from staycalm.domains.monitoring.conditions import queries
from staycalm.domains.monitoring.conditions.model import conditions, rules
from staycalm.domains.monitoring.conditions.queries import Standing
from staycalm.domains.monitoring.decisions import summarise
from staycalm.domains.monitoring.events import ConditionCleared, ConditionFiring
from staycalm.domains.monitoring.machine import Condition, Outcome, OutcomeKind, Transition, step
from staycalm.domains.monitoring.rules import Rule, outranks
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.domains.monitoring.watching.decisions import roll_up_of
from staycalm.domains.monitoring.watching.model import watches
from staycalm.kit.database import Tx

_TURN = sa.select(watches.c.key).where(watches.c.key == sa.bindparam("which")).with_for_update()


def subject_of(rule: str, placement: Placement) -> str:
    """Return the subject of a condition's events."""
    return f"{rule}/{placement}"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What an evaluation left. `calm`: every rule stands inactive with this outcome, and would with it again."""

    is_quiet: bool
    calm: OutcomeKind | None


def evaluate(
    tx: Tx,
    config: PlacementConfig,
    outcomes: Sequence[tuple[Rule, Outcome]],
    in_force: Sequence[Rule],
    *,
    settings: MonitoringSettings,
) -> Evaluated:
    """Every rule stands where its outcome puts it; each transition is in the log, once.

    The most urgent rules come first, so that less urgent ones of their family wait for them.
    """
    _take_turn(tx, config.placement)
    standings = queries.standings_of(tx, config.placement)
    by_name = {rule.name: rule for rule in in_force}
    urgent = {name for name, s in standings.items() if s.condition.is_breaching and name in by_name}
    quiet: set[OutcomeKind | None] = set()
    for rule, outcome in sorted(outcomes, key=lambda pair: pair[0].priority):
        before = standings[rule.name].condition if rule.name in standings else Condition()
        after, happened = step(
            before,
            outcome,
            at=tx.now,
            for_s=rule.for_s,
            keep_firing_for_s=rule.keep_firing_for_s,
            absence_fires=rule.on_no_data == "fire",
            is_outranked=any(outranks(by_name[name], rule) for name in urgent),
        )
        if after.is_breaching:
            urgent.add(rule.name)
        else:
            urgent.discard(rule.name)
        quiet.add(None if after.is_breaching else after.health)
        if not _is_worth_writing(before, after, is_new=rule.name not in standings):
            continue
        priority = (
            standings[rule.name].priority
            if before.is_firing and rule.name in standings
            else rule.priority_in(config.is_production, settings.non_production_priority)
        )
        standing = Standing(rule.name, config.placement, after, priority)
        _write(tx, standing)
        _tell(tx, rule, standing, before, outcome, happened)
    return Evaluated(is_quiet=None not in quiet, calm=quiet.pop() if len(quiet) == 1 else None)


def _take_turn(tx: Tx, placement: Placement) -> None:
    """Looks at one placement that end together are evaluated one after the other; each sees the last."""
    tx.execute(_TURN, {"which": roll_up_of(placement).key})


def _is_worth_writing(before: Condition, after: Condition, *, is_new: bool) -> bool:
    """Return True unless only the time and value of a quiet or steadily firing condition moved."""
    still = replace(after, seen_at=before.seen_at, value=before.value, detail=before.detail)
    return is_new or still != before or after.phase == "pending"


def _write(tx: Tx, standing: Standing) -> None:
    condition = standing.condition
    values: dict[str, Any] = {
        "rule": standing.rule,
        "service": standing.placement.service,
        "environment": standing.placement.environment,
        "phase": condition.phase,
        "since": condition.since,
        "held_s": condition.held_s,
        "fired_at": condition.fired_at,
        "health": condition.health,
        "seen_at": condition.seen_at,
        "value": condition.value,
        "detail": condition.detail[:500],
        "priority": standing.priority,
    }
    tx.upsert(conditions, values, on=["rule", "service", "environment"])


def _tell(
    tx: Tx, rule: Rule, standing: Standing, before: Condition, outcome: Outcome, happened: Transition | None
) -> None:
    place = standing.placement
    if happened == "fired":
        event = ConditionFiring(
            subject=subject_of(rule.name, place),
            service=place.service,
            environment=place.environment,
            rule=rule.name,
            priority=standing.priority,
            summary=summarise(rule, place, outcome),
            value=outcome.value,
            threshold=rule.threshold,
            labels={**rule.labels, "signal": rule.signal},
        )
        tx.emit(SYSTEM, event)
    elif happened == "cleared":
        _tell_cleared(tx, standing, before, "it does not hold any more", outcome.value)


def _tell_cleared(tx: Tx, standing: Standing, before: Condition, reason: str, value: float | None) -> None:
    place, fired_at = standing.placement, before.fired_at
    event = ConditionCleared(
        subject=subject_of(standing.rule, place),
        service=place.service,
        environment=place.environment,
        rule=standing.rule,
        priority=standing.priority,
        reason=reason,
        value=value,
        fired_for_s=(tx.now - fired_at).total_seconds() if fired_at is not None else 0.0,
    )
    tx.emit(SYSTEM, event)


def retire(tx: Tx, placements: Iterable[Placement], in_force: Sequence[Rule]) -> None:
    """Conditions whose placement or rule is gone are gone; those that fired are told as cleared."""
    known = set(placements)
    by_name = {rule.name: rule for rule in in_force}
    for standing in queries.every_standing(tx):
        rule = by_name.get(standing.rule)
        if standing.placement in known and rule is not None and rule.applies_to(standing.placement):
            continue
        if standing.condition.is_firing:
            reason = "the rule was removed" if standing.placement in known else "the placement was removed"
            _tell_cleared(tx, standing, standing.condition, reason, None)
        tx.execute(
            conditions.delete().where(
                conditions.c.rule == standing.rule,
                conditions.c.service == standing.placement.service,
                conditions.c.environment == standing.placement.environment,
            )
        )


def declare(tx: Tx, declared: Sequence[Rule]) -> None:
    """Exactly `declared` are the rules that the file manages."""
    kept = {rule.name: rule for rule in declared}
    for known in queries.declared_rules(tx):
        if known.name not in kept:
            tx.execute(rules.delete().where(rules.c.name == known.name))
        elif kept[known.name] == known:
            del kept[known.name]
    for rule in kept.values():
        values = {"name": rule.name, "body": msgspec.to_builtins(rule), "managed_by": "file"}
        tx.upsert(rules, values, on=["name"])
