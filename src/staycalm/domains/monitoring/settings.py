"""How often things are looked at, and how long what was seen is kept."""

from __future__ import annotations

from dataclasses import dataclass

from staycalm.core.priority import Priority
from staycalm.kit.settings import setting


@dataclass(frozen=True)
class MonitoringSettings:
    """Section `monitoring`."""

    traffic_interval_s: float = setting(5.0, unit="s", doc="How often the proxy's counters are read.")
    instances_interval_s: float = setting(10.0, unit="s", doc="How often running instances are looked at.")
    query_interval_s: float = setting(15.0, unit="s", doc="How often the metrics back-end is asked.")
    report_interval_s: float = setting(300.0, unit="s", doc="How often a full health report is made.")
    report_deadline_s: float = setting(
        30.0, unit="s", doc="After this time a health report ends; what has not answered counts as failed."
    )
    keep_samples_s: float = setting(7200.0, unit="s", doc="How long 5-second samples are kept.")
    keep_minutes_s: float = setting(30 * 86400.0, unit="s", doc="How long one-minute samples are kept.")
    keep_hours_s: float = setting(
        400 * 86400.0, unit="s", doc="How long one-hour samples, and the uptime of each day, are kept."
    )
    keep_reports_s: float = setting(7 * 86400.0, unit="s", doc="How long health reports are kept.")
    non_production_priority: Priority = setting(
        "P2", doc="The highest priority a rule has outside production, unless the rule names its environments."
    )
