"""Everything that monitoring drives: watches (on the proxy's machine, and anywhere), health reports, checks."""

from __future__ import annotations

from staycalm.domains.monitoring.outside import Outside
from staycalm.domains.monitoring.reporting import reconcile as reporting
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.domains.monitoring.watching import reconcile as watching
from staycalm.kit.reconcile import AnyReconciler


def reconcilers(outside: Outside, settings: MonitoringSettings) -> tuple[AnyReconciler, ...]:
    """Return the reconcilers of the domain."""
    return (*watching.reconcilers(outside, settings), *reporting.reconcilers(outside, settings))
