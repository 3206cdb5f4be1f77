"""What other domains may call. `tx` first, the actor second where something is written.

raise_alert(tx, actor, *, dedup_key, summary, priority, service, environment, rule, source, labels, details,
            escalates=None, settings=…) -> Alert          idempotent: a known alert writes nothing
resolve_alert(tx, actor, *, dedup_key, service=None, reason="") -> Alert | None
acknowledge(tx, actor, id, *, version=None, paged_with="") -> tuple[Alert, ...]      id: an alert's, or ALG-n
get_alert(tx, id), get_group(tx, "ALG-3"), alerts_of_group(tx, "ALG-3"), list_open(tx, *, priority, limit)
count_open(tx) -> dict[Priority, int]
find_maintenance_of(tx, service, environment) -> Maintenance | None
find_standing(tx, "ALG-3", rule, alert_id) -> str | None      the open, unmuted alert that a raise still stands on
forget_told(tx, alert_ids)          what fires next of their rules is told anew
"""

from __future__ import annotations

from staycalm.domains.alerts.grouping.service import forget_told
from staycalm.domains.alerts.muting.decisions import Maintenance, Silence
from staycalm.domains.alerts.muting.queries import find_maintenance_of
from staycalm.domains.alerts.queries import (
    alerts_of_group,
    count_open,
    find_standing,
    get_alert,
    get_group,
    list_open,
)
from staycalm.domains.alerts.rows import Alert, AlertGroup
from staycalm.domains.alerts.service import acknowledge, follow_overdue_work, raise_alert, resolve_alert

__all__ = [
    "Alert",
    "AlertGroup",
    "Maintenance",
    "Silence",
    "acknowledge",
    "alerts_of_group",
    "count_open",
    "find_maintenance_of",
    "find_standing",
    "follow_overdue_work",
    "forget_told",
    "get_alert",
    "get_group",
    "list_open",
    "raise_alert",
    "resolve_alert",
]
