"""How long rows of alerts are kept; what is open or in force stays."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.domains.alerts.bulk.model import bulk_items, bulks
from staycalm.domains.alerts.model import alert_groups, alerts
from staycalm.domains.alerts.muting.model import maintenances, silences
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.kit.database.retention import Rule

BULK_ITEMS_S = 86400.0


def retention_rules(settings: AlertsSettings) -> tuple[Rule, ...]:
    """Return the rules of alerts, their groups, silences and maintenances; a group outlives its alerts."""
    keep_s = settings.keep_resolved_s
    has_alerts = sa.exists().where(alerts.c.group_id == alert_groups.c.id)
    return (
        Rule(alerts, alerts.c.resolved_at, keep_s),
        Rule(alert_groups, alert_groups.c.resolved_at, keep_s, ~has_alerts),
        # What can be taken back for ten minutes need not be known for ever.
        Rule(bulk_items, bulk_items.c.at, BULK_ITEMS_S),
        Rule(bulks, bulks.c.finished_at, keep_s),
        Rule(silences, silences.c.until, keep_s),
        Rule(maintenances, maintenances.c.until, keep_s),
    )
