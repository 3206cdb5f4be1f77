"""How long rows of deployments are kept."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.domains.deployments.model import accumulators, deployments, history
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.kit.database.retention import Rule


def retention_rules(settings: DeploymentsSettings) -> tuple[Rule, ...]:
    """Return the rules of per-second history and of evidence in progress; a rollout that runs keeps both."""
    return (
        Rule(history, _ended_at(history.c.deployment), settings.history_s),
        Rule(accumulators, _ended_at(accumulators.c.deployment), settings.history_s),
    )


def _ended_at(deployment: sa.ColumnElement[str]) -> sa.ColumnElement[object]:
    return sa.select(deployments.c.finished_at).where(deployments.c.id == deployment).scalar_subquery()
