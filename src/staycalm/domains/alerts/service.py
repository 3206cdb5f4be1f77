"""All writes to single alerts: raise, resolve, acknowledge, and looking again after muting changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.errors import Conflict
from staycalm.core.machine import move
from staycalm.core.priority import Priority
from staycalm.domains.alerts import queries
from staycalm.domains.alerts.decisions import OWN_SERVICE, Escalates, firing
from staycalm.domains.alerts.grouping import service as grouping
from staycalm.domains.alerts.intake.service import Told, close, take
from staycalm.domains.alerts.machine import TABLE, sources_of
from staycalm.domains.alerts.model import alerts
from staycalm.domains.alerts.muting.decisions import find_mute, muting_labels
from staycalm.domains.alerts.muting.queries import list_mutes
from staycalm.domains.alerts.rows import Alert
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.domains.monitoring import public as monitoring
from staycalm.domains.oncall import public as oncall
from staycalm.kit.database import Tx

DEFAULTS = AlertsSettings()
RULE_SOURCE = "rule"


def raise_alert(
    tx: Tx,
    actor: Actor,
    *,
    dedup_key: str,
    summary: str,
    priority: Priority,
    service: str | None = None,
    environment: str | None = None,
    rule: str = "",
    source: str = "api",
    labels: Mapping[str, str] | None = None,
    details: Mapping[str, Any] | None = None,
    escalates: Escalates | None = None,
    settings: AlertsSettings = DEFAULTS,
) -> Alert:
    """The alert is open. A re-send of a known one writes nothing when nothing changed. Raises Invalid."""
    report = firing(
        dedup_key=dedup_key, summary=summary, priority=priority, service=service, environment=environment,
        rule=rule, source=source, labels=labels, details=details, escalates=escalates,
    )  # fmt: skip
    taken = take(tx, [Told(actor, report)], settings=settings)[0]
    assert taken.alert_id is not None, "a firing report always has an alert"
    return queries.get_alert(tx, taken.alert_id)


def resolve_alert(
    tx: Tx, actor: Actor, *, dedup_key: str, service: str | None = None, reason: str = ""
) -> Alert | None:
    """No alert with this key is open; returns the one that was resolved, None when there was none."""
    known = queries.find_open(tx, service or "", dedup_key)
    if known is None:
        return None
    close(tx, [known], {known.id: (actor, reason or "the source says so")})
    return queries.get_alert(tx, known.id)


def follow_overdue_work(tx: Tx, *, is_late: bool, settings: AlertsSettings = DEFAULTS) -> None:
    """An alert is open exactly while due work is late. Called once a second, it writes when that changes."""
    if is_late:
        raise_alert(
            tx, SYSTEM, dedup_key="overdue", service=OWN_SERVICE, priority="P0", rule="engine-overdue",
            summary="due work is late: pages may be late, too", source=OWN_SERVICE, settings=settings,
        )  # fmt: skip
    else:
        resolve_alert(tx, SYSTEM, dedup_key="overdue", service=OWN_SERVICE, reason="nothing is late")


def acknowledge(
    tx: Tx, actor: Actor, id: str, *, version: int | None = None, paged_with: str = ""
) -> tuple[Alert, ...]:
    """`actor` has it: the alert `id`, or every firing alert of the group `id` (ALG-n), is acknowledged.

    Of a group whose page said `paged_with`, more urgent alerts are not. Acknowledging again changes nothing.
    Raises Conflict when it is resolved (a resolve beats an older acknowledge that arrives later), or is not at
    `version` any more where one is given.
    """
    if _is_group(id):
        group = queries.get_group(tx, id)
        if not group.is_open:
            raise _resolved(group.id)
        chosen, group_id = sa.and_(alerts.c.group_id == group.id, alerts.c.priority >= paged_with), group.id
        from_states: tuple[str, ...] = ("firing",)
    else:
        alert = queries.get_alert(tx, id)
        if alert.state == "resolved":
            raise _resolved(alert.group_id)
        if version is not None and alert.version != version:
            raise Conflict(
                "alert-changed",
                f"the alert changed after you looked: {alert.summary}",
                next_step="Look again, then acknowledge.",
                version=alert.version,
            )
        chosen = sa.and_(alerts.c.id == alert.id, alerts.c.version == alert.version)
        group_id = alert.group_id
        from_states = tuple(s for s in sources_of("acknowledge") if s != "acknowledged")
    many = tx.guarded_update(
        alerts.update()
        .where(chosen, alerts.c.dedup_key.isnot(None), alerts.c.state.in_(from_states))
        .values(
            state="acknowledged",
            acknowledged_by=str(actor),
            suppressed_by=None,
            due_at=None,
            changed_at=tx.now,
            version=alerts.c.version + 1,
        )
    )
    if many:
        grouping.tell_acknowledged(tx, actor, {group_id: many}, paged_with=paged_with)
    if _is_group(id):
        return queries.alerts_of_group(tx, group_id)
    now = queries.get_alert(tx, id)
    if now.state != "acknowledged":
        raise _resolved(now.group_id)
    return (now,)


def resolve(tx: Tx, actor: Actor, id: str, *, reason: str = "") -> tuple[Alert, ...]:
    """The alert `id`, or every open alert of the group `id`, is resolved by a person.

    Raises Conflict when its rule still fires: it would never be told again, although nothing is well.
    """
    group_id = queries.get_group(tx, id).id if _is_group(id) else None
    said = f"{actor}: {reason}" if reason else f"resolved by {actor}"
    while True:
        chosen = queries.alerts_of_group(tx, group_id) if group_id else (queries.get_alert(tx, id),)
        still_open = [alert for alert in chosen if alert.state != "resolved"]
        if not still_open:
            return chosen
        for alert in still_open:
            _check_over(tx, alert)
        close(tx, still_open, {alert.id: (actor, said) for alert in still_open})


def _check_over(tx: Tx, alert: Alert) -> None:
    if alert.source == RULE_SOURCE and monitoring.is_firing(
        tx, alert.rule, alert.service or "", alert.environment or ""
    ):
        raise Conflict(
            "still-firing",
            f"the rule {alert.rule} still fires for {alert.service} in {alert.environment}",
            next_step="It resolves by itself when the condition ends. Acknowledge it, or silence it.",
        )


def look_again(tx: Tx, id: str) -> None:
    """The alert is suppressed exactly when something mutes it now; released, it is told as raised."""
    alert = queries.find_alert(tx, id)
    if alert is None or alert.state == "resolved":
        return
    labels = muting_labels(
        service=alert.service or "",
        environment=alert.environment or "",
        rule=alert.rule,
        priority=alert.priority,
        labels=alert.labels,
    )
    mute = find_mute(list_mutes(tx), labels, tx.now)
    verb = {("firing", True): "suppress", ("suppressed", False): "release"}.get((alert.state, mute is not None))
    state = move(TABLE, alert.state, verb, what="the alert") if verb else alert.state
    is_suppressed = state == "suppressed"
    hit = tx.guarded_update(
        alerts.update()
        .where(alerts.c.id == id, alerts.c.version == alert.version)
        .values(
            state=state,
            suppressed_by=mute.id if mute and is_suppressed else None,
            due_at=mute.until if mute and is_suppressed else None,
            changed_at=tx.now if verb else alert.changed_at,
            version=alert.version + (1 if verb else 0),
        )
    )
    if not hit:
        return
    if verb:
        item = grouping.Item(
            SYSTEM, id, alert.group_id, alert.rule, alert.priority, alert.summary, alert.escalates, alert.source,
            muted_by=mute.id if mute else None, mute_reason=mute.reason if mute else "",
            was_loud=verb == "suppress",
        )  # fmt: skip
        grouping.tell(tx, [item])
    if verb == "suppress" and not queries.has_firing(tx, alert.group_id):
        oncall.stop_escalation(tx, SYSTEM, alert.group_id, f"muted by {mute.id}" if mute else "muted")


def _is_group(id: str) -> bool:
    return id.upper().startswith("ALG-")


def _resolved(group_id: str) -> Conflict:
    return Conflict(
        "alert-resolved",
        f"it is resolved already ({group_id}); nothing is left to acknowledge",
        next_step="Look at the open alerts.",
    )
