"""How long on-call's rows are kept."""

from __future__ import annotations

from staycalm.domains.oncall.escalations.model import escalations
from staycalm.domains.oncall.notifications.model import links, notifications
from staycalm.domains.oncall.schedules.model import overrides
from staycalm.domains.oncall.settings import OncallSettings
from staycalm.kit.database.retention import Rule


def retention_rules(settings: OncallSettings) -> tuple[Rule, ...]:
    """Return the rules of links, messages, overrides and escalations; what is open or waiting stays."""
    return (
        Rule(links, links.c.expires_at, settings.links_keep_s),
        Rule(notifications, notifications.c.ended_at, settings.log_keep_s),
        Rule(overrides, overrides.c.ends_at, settings.log_keep_s),
        Rule(escalations, escalations.c.started_at, settings.log_keep_s, escalations.c.open_subject.is_(None)),
    )
