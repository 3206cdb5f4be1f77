"""Creating, changing and ending silences and maintenances.

What they touch is not changed here: every alert they may concern becomes due, and is looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from staycalm.core.actor import Actor
from staycalm.core.errors import Conflict
from staycalm.core.placement import check_name
from staycalm.domains.alerts.events import (
    MaintenanceEnded,
    MaintenanceStarted,
    SilenceChanged,
    SilenceCreated,
    SilenceEnded,
)
from staycalm.domains.alerts.model import alerts
from staycalm.domains.alerts.muting import queries
from staycalm.domains.alerts.muting.decisions import (
    Maintenance,
    Matcher,
    Silence,
    check_reason,
    check_until,
    parse_matchers,
)
from staycalm.domains.alerts.muting.model import maintenances, silences
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.kit.database import Tx


def create_silence(
    tx: Tx, actor: Actor, *, matchers: Sequence[str], reason: str, until: datetime, settings: AlertsSettings
) -> Silence:
    """Alerts that match are suppressed from now until `until`. Raises Invalid, and Conflict at 500 in force."""
    parsed = parse_matchers(matchers)
    end = check_until(until, now=tx.now, longest_s=settings.longest_silence_s, what="silence")
    _check_room(len(queries.list_silences(tx)), "silences")
    id = f"SIL-{tx.next_number('SIL')}"
    values = {
        "id": id,
        "matchers": [str(m) for m in parsed],
        "reason": check_reason(reason),
        "owner": str(actor),
        "starts_at": tx.now,
        "until": end,
    }
    tx.execute(silences.insert().values(values))
    tx.emit(
        actor,
        SilenceCreated(
            subject=id,
            service=_literal(parsed, "service"),
            environment=_literal(parsed, "environment"),
            matchers=[str(m) for m in parsed],
            reason=check_reason(reason),
            until=end.isoformat(),
        ),
    )
    _look_again_at_firing(tx, _literal(parsed, "service"), _literal(parsed, "environment"))
    return queries.get_silence(tx, id)


def change_silence(
    tx: Tx,
    actor: Actor,
    id: str,
    *,
    until: datetime | None = None,
    reason: str | None = None,
    settings: AlertsSettings,
) -> Silence:
    """The silence ends at `until`, or says `reason`. Raises Conflict when it has ended."""
    silence = queries.get_silence(tx, id.upper())
    _check_in_force(silence.until, tx.now, silence.id)
    end = silence.until
    if until is not None:
        end = check_until(until, now=tx.now, longest_s=settings.longest_silence_s, what="silence")
    why = silence.reason if reason is None else check_reason(reason)
    if (end, why) == (silence.until, silence.reason):
        return silence
    tx.execute(silences.update().where(silences.c.id == silence.id).values(until=end, reason=why))
    tx.emit(actor, SilenceChanged(subject=silence.id, reason=why, until=end.isoformat()))
    _look_again_at_suppressed(tx, silence.id)
    return queries.get_silence(tx, silence.id)


def end_silence(tx: Tx, actor: Actor, id: str) -> Silence:
    """The silence is over; alerts it suppressed that still fire are raised. Ending it again changes nothing."""
    silence = queries.get_silence(tx, id.upper())
    if silence.until > tx.now:
        tx.execute(silences.update().where(silences.c.id == silence.id).values(until=tx.now))
        tx.emit(actor, SilenceEnded(subject=silence.id, reason=silence.reason))
        _look_again_at_suppressed(tx, silence.id)
    return queries.get_silence(tx, silence.id)


def start_maintenance(
    tx: Tx,
    actor: Actor,
    *,
    service: str | None,
    environment: str | None,
    reason: str,
    until: datetime,
    settings: AlertsSettings,
) -> Maintenance:
    """Alerts of the scope are suppressed from now until `until`; neither service nor environment: all are."""
    for name, what in ((service, "service"), (environment, "environment")):
        if name is not None:
            check_name(name, what)
    end = check_until(until, now=tx.now, longest_s=settings.longest_maintenance_s, what="maintenance")
    _check_room(len(queries.list_maintenances(tx)), "maintenances")
    id, why = f"MNT-{tx.next_number('MNT')}", check_reason(reason)
    values = {
        "id": id,
        "service": service,
        "environment": environment,
        "reason": why,
        "owner": str(actor),
        "starts_at": tx.now,
        "until": end,
    }
    tx.execute(maintenances.insert().values(values))
    event = MaintenanceStarted(
        subject=id, service=service, environment=environment, reason=why, until=end.isoformat()
    )
    tx.emit(actor, event)
    _look_again_at_firing(tx, service, environment)
    return queries.get_maintenance(tx, id)


def end_maintenance(tx: Tx, actor: Actor, id: str) -> Maintenance:
    """The maintenance is over; alerts that still fire are raised. Ending it again changes nothing."""
    maintenance = queries.get_maintenance(tx, id.upper())
    if maintenance.until > tx.now:
        tx.execute(maintenances.update().where(maintenances.c.id == maintenance.id).values(until=tx.now))
        event = MaintenanceEnded(
            subject=maintenance.id,
            service=maintenance.service,
            environment=maintenance.environment,
            reason=maintenance.reason,
        )
        tx.emit(actor, event)
        _look_again_at_suppressed(tx, maintenance.id)
    return queries.get_maintenance(tx, maintenance.id)


def _look_again_at_firing(tx: Tx, service: str | None, environment: str | None) -> None:
    statement = alerts.update().where(alerts.c.dedup_key.isnot(None), alerts.c.state == "firing")
    if service is not None:
        statement = statement.where(alerts.c.service == service)
    if environment is not None:
        statement = statement.where(alerts.c.environment == environment)
    tx.execute(statement.values(due_at=tx.now))


def _look_again_at_suppressed(tx: Tx, mute_id: str) -> None:
    tx.execute(alerts.update().where(alerts.c.suppressed_by == mute_id).values(due_at=tx.now))


def _literal(matchers: Sequence[Matcher], label: str) -> str | None:
    """Return the one value the label must have, None where the matchers leave it open."""
    for matcher in matchers:
        if (
            matcher.label == label
            and matcher.operator == "="
            and matcher.value
            and not matcher.value.endswith("*")
        ):
            return matcher.value
    return None


def _check_room(many: int, what: str) -> None:
    if many >= queries.ACTIVE_LIMIT:
        raise Conflict(
            "too-many",
            f"{many} {what} are in force, which is the most there may be",
            next_step="End some that are not needed any more.",
        )


def _check_in_force(until: datetime, now: datetime, id: str) -> None:
    if until <= now:
        raise Conflict("has-ended", f"{id} has ended", next_step="Create a new one.")
