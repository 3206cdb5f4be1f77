"""What on-call has the engine drive."""

from __future__ import annotations

from collections.abc import Mapping

from staycalm.domains.oncall.coverage import reconcile as coverage
from staycalm.domains.oncall.digest import reconcile as digest
from staycalm.domains.oncall.escalations import reconcile as escalations
from staycalm.domains.oncall.notifications import reconcile as notifications
from staycalm.domains.oncall.schedules import reconcile as schedules
from staycalm.domains.oncall.settings import OncallSettings
from staycalm.kit.reconcile import AnyReconciler
from staycalm.ports.messages import Channel


def reconcilers(
    channels: Mapping[str, Channel], settings: OncallSettings, public_url: str
) -> tuple[AnyReconciler, ...]:
    """Return steps, messages, shifts, the nightly check and digests, in the order of their urgency."""
    return (
        escalations.reconciler(),
        *notifications.reconcilers(channels, settings, public_url),
        schedules.reconciler(),
        coverage.reconciler(settings),
        digest.reconciler(),
    )
