"""What the HTTP edge of alerts needs besides the database; `app.state.alerts`."""

from __future__ import annotations

from staycalm.domains.alerts.intake.collector import Collector
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.kit.database import Database


class AlertsEdge:
    """The settings, and the one place where reports of all requests come together."""

    def __init__(self, database: Database, settings: AlertsSettings) -> None:
        self.settings = settings
        self.intake = Collector(database, settings)
