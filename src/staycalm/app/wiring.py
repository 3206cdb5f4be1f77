"""Who listens to whom, and what the engine drives. Reading this file tells the whole automation story."""

from __future__ import annotations

from functools import partial

from staycalm.app.answers import deployed
from staycalm.app.outside import Outside
from staycalm.app.settings import Settings
from staycalm.core import self_events as own
from staycalm.domains.accounts import events as accounts
from staycalm.domains.alerts import events as alerts
from staycalm.domains.alerts import reconcile as alerts_reconcile
from staycalm.domains.alerts import subscribers as on_alerts
from staycalm.domains.alerts.public import find_standing
from staycalm.domains.alerts.retention import retention_rules as alerts_retention
from staycalm.domains.catalog import events as catalog
from staycalm.domains.catalog.questions import FileSection
from staycalm.domains.deployments import events as deployments
from staycalm.domains.deployments import reconcile as deployments_reconcile
from staycalm.domains.deployments import subscribers as on_deployments
from staycalm.domains.deployments.retention import retention_rules as deployments_retention
from staycalm.domains.deployments.watching.counters import Meters
from staycalm.domains.incidents import events as incidents
from staycalm.domains.incidents import subscribers as on_incidents
from staycalm.domains.incidents.postmortem import reconcile as post_mortem_reconcile
from staycalm.domains.monitoring import events as monitoring
from staycalm.domains.monitoring import reconcile as monitoring_reconcile
from staycalm.domains.monitoring import subscribers as on_monitoring
from staycalm.domains.monitoring.file_section import file_sections as monitoring_sections
from staycalm.domains.monitoring.outside import Outside as Watched
from staycalm.domains.oncall import events as oncall
from staycalm.domains.oncall import reconcile as oncall_reconcile
from staycalm.domains.oncall import subscribers as on_oncall
from staycalm.domains.oncall.file_sections import file_sections as oncall_sections
from staycalm.domains.oncall.retention import retention_rules as oncall_retention
from staycalm.domains.releases import subscribers as on_releases
from staycalm.kit.database.retention import Rule, log_rules
from staycalm.kit.reconcile import AnyReconciler
from staycalm.kit.subscriptions import Subscription
from staycalm.ports.probes import HostHealth

FIRST, NORMAL, LATER = 0, 1, 2


def subscriptions(settings: Settings) -> list[Subscription]:
    """Return everybody who listens. A name is stored with what it heard: it never changes."""
    say = partial(partial, settings=settings.alerts)
    open_incident = partial(partial, settings=settings.incidents)
    return [
        # A rollback, or an alert that asks for it, is an incident; whoever answers the page has it.
        Subscription("incidents.rolled-back", deployments.DeploymentRolledBack,
                     open_incident(on_incidents.declare_for_rollback), FIRST),
        Subscription("incidents.rollback-failed", deployments.RollbackFailed,
                     open_incident(on_incidents.declare_for_failed_rollback), FIRST),
        Subscription("incidents.alert-raised", alerts.AlertRaised,
                     open_incident(on_incidents.declare_for_alert), FIRST),
        Subscription("incidents.alert-resolved", alerts.AlertResolved, on_incidents.note_resolved_alert),
        Subscription("incidents.page-acknowledged", oncall.PageAcknowledged, on_incidents.take_for_page, FIRST),
        # What is wrong becomes one alert, and stops being one when it is over.
        Subscription("alerts.condition-firing", monitoring.ConditionFiring,
                     say(on_alerts.raise_for_condition), FIRST),
        Subscription("alerts.condition-cleared", monitoring.ConditionCleared, on_alerts.resolve_for_condition),
        Subscription("alerts.health-reported", monitoring.HealthReported, on_alerts.follow_health_report, LATER),
        Subscription("alerts.held", deployments.DeploymentHeld, say(on_alerts.raise_for_held_deployment), FIRST),
        Subscription("alerts.rollback-failed", deployments.RollbackFailed,
                     say(on_alerts.raise_for_failed_rollback), FIRST),
        Subscription("alerts.resumed", deployments.DeploymentResumed, on_alerts.resolve_for_deployment),
        Subscription("alerts.promoted", deployments.DeploymentPromoted, on_alerts.resolve_for_deployment),
        Subscription("alerts.completed", deployments.DeploymentCompleted, on_alerts.resolve_for_deployment),
        Subscription("alerts.aborted", deployments.DeploymentAborted, on_alerts.resolve_for_deployment),
        Subscription("alerts.rolled-back", deployments.DeploymentRolledBack, on_alerts.resolve_for_deployment),
        Subscription("alerts.drift", deployments.DriftFound, on_alerts.follow_drift, LATER),
        Subscription("alerts.page-acknowledged", oncall.PageAcknowledged, on_alerts.acknowledge_for_page, FIRST),
        Subscription("alerts.exhausted", oncall.EscalationExhausted,
                     on_alerts.raise_for_exhausted_escalation, FIRST),
        Subscription("alerts.nobody-paged", oncall.NobodyPaged, on_alerts.raise_for_nobody_paged, FIRST),
        Subscription("alerts.answered", oncall.PageAcknowledged, on_alerts.resolve_unanswered),
        Subscription("alerts.escalation-stopped", oncall.EscalationStopped, on_alerts.resolve_unanswered),
        Subscription("alerts.incident-acknowledged", incidents.IncidentAcknowledged, on_alerts.resolve_unanswered),
        Subscription("alerts.incident-resolved", incidents.IncidentResolved, on_alerts.resolve_unanswered),
        Subscription("alerts.group-resolved", alerts.AlertResolved, on_alerts.resolve_unanswered_group),
        Subscription("alerts.coverage-gap", oncall.CoverageGapFound, on_alerts.raise_for_coverage_gap, LATER),
        Subscription("alerts.coverage-restored", oncall.CoverageRestored, on_alerts.resolve_for_coverage, LATER),
        Subscription("alerts.uncovered", oncall.ShiftUncovered, on_alerts.raise_for_uncovered_shift, LATER),
        Subscription("alerts.shift-started", oncall.ShiftStarted, on_alerts.resolve_for_shift, LATER),
        Subscription("alerts.dead-letter", own.DeliveryDied, say(on_alerts.raise_for_dead_letter)),
        Subscription("alerts.engine-silent", own.EngineWentSilent, say(on_alerts.raise_for_silent_engine)),
        Subscription("alerts.engine-joined", own.EngineJoined, on_alerts.resolve_for_engine, LATER),
        Subscription("alerts.clock-stepped", own.ClockStepped, say(on_alerts.raise_for_stepped_clock), LATER),
        # Who is asked, and who is not asked any more.
        Subscription("oncall.alert-raised", alerts.AlertRaised,
                     partial(on_oncall.page_for_alert_group, find_standing=find_standing), FIRST),
        Subscription("oncall.alert-acknowledged", alerts.AlertAcknowledged,
                     on_oncall.acknowledge_for_alert_group, FIRST),
        Subscription("oncall.alert-resolved", alerts.AlertResolved, on_oncall.stop_for_alert_group),
        Subscription("oncall.over", oncall.EscalationStopped, on_oncall.tell_that_it_is_over, LATER),
        Subscription("oncall.unreached", oncall.NotificationFailed,
                     on_oncall.hurry_when_nobody_was_reached, FIRST),
        Subscription("oncall.clock-stepped", own.ClockStepped,
                     partial(on_oncall.wait_no_longer, settings=settings.oncall), FIRST),
        Subscription("oncall.contact-changed", oncall.ContactMethodChanged,
                     on_oncall.check_coverage_after_contact_change, LATER),
        Subscription("oncall.person-left", accounts.PersonDeactivated,
                     on_oncall.check_coverage_after_leaving, LATER),
        Subscription("oncall.person-returned", accounts.PersonReactivated,
                     on_oncall.check_coverage_after_return, LATER),
        # What changed is looked at now, and a release knows where it arrived.
        Subscription("monitoring.placement-changed", catalog.PlacementChanged, on_monitoring.on_catalog_changed),
        Subscription("monitoring.file-applied", catalog.FileApplied, on_monitoring.on_catalog_changed),
        Subscription("monitoring.clock-stepped", own.ClockStepped, on_monitoring.on_clock_stepped, FIRST),
        Subscription("deployments.clock-stepped", own.ClockStepped,
                     partial(on_deployments.on_clock_stepped, settings=settings.deployments), FIRST),
        Subscription("monitoring.candidate-ready", deployments.CandidateReady,
                     on_monitoring.on_deployment_moved),
        Subscription("monitoring.completed", deployments.DeploymentCompleted, on_monitoring.on_deployment_moved),
        Subscription("monitoring.rolled-back", deployments.DeploymentRolledBack,
                     on_monitoring.on_deployment_moved),
        Subscription("releases.completed", deployments.DeploymentCompleted,
                     on_releases.on_deployment_completed, LATER),
    ]  # fmt: skip


def reconcilers(
    settings: Settings, outside: Outside, url: str, host: HostHealth | None = None
) -> list[AnyReconciler]:
    """Return everything that happens by itself, the most urgent first. `url` begins every link."""
    shifting = deployments_reconcile.Outside(
        routers=outside.routers,
        targets=outside.targets,
        smoke=outside.smoke,
        meters=Meters(outside.sources, outside.instances),
        clock=outside.clock,
    )
    watched = Watched(
        prober=outside.prober,
        routers=outside.routers,
        targets=outside.targets,
        sources=outside.sources,
        hosts=(host,) if host is not None else (),
        deployed=deployed,
    )
    return [
        *deployments_reconcile.reconcilers(shifting, settings.deployments),
        *oncall_reconcile.reconcilers(outside.channels, settings.oncall, url),
        alerts_reconcile.reconciler(),
        alerts_reconcile.bulk_reconciler(),
        *post_mortem_reconcile.reconcilers(),
        *monitoring_reconcile.reconcilers(watched, settings.monitoring),
    ]


def retention_rules(settings: Settings) -> tuple[Rule, ...]:
    """Return how long the rows of each table are kept."""
    return (
        *log_rules(
            events_keep_s=settings.database.events_keep_s, deliveries_keep_s=settings.database.deliveries_keep_s
        ),
        *oncall_retention(settings.oncall),
        *deployments_retention(settings.deployments),
        *alerts_retention(settings.alerts),
    )


def file_sections() -> tuple[FileSection, ...]:
    """Return who reads which section of staycalm.yaml besides the catalog, in the order of application."""
    return (*oncall_sections(), *monitoring_sections())
