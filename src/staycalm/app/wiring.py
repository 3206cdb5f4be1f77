"""Who listens to whom, and what the engine drives. Reading this file tells the whole automation story."""

from __future__ import annotations

from functools import partial

from staycalm.app.outside import Outside
from staycalm.app.settings import Settings
from staycalm.domains.accounts import events as accounts
from staycalm.domains.alerts import events as alerts
from staycalm.domains.alerts import reconcile as alerts_reconcile
from staycalm.domains.alerts import subscribers as on_alerts
from staycalm.domains.deployments import events as deployments
from staycalm.domains.deployments import public as deployments_public
from staycalm.domains.deployments import reconcile as deployments_reconcile
from staycalm.domains.incidents import events as incidents
from staycalm.domains.incidents import subscribers as on_incidents
from staycalm.domains.monitoring import events as monitoring
from staycalm.domains.monitoring import reconcile as monitoring_reconcile
from staycalm.domains.oncall import events as oncall
from staycalm.domains.oncall import reconcile as oncall_reconcile
from staycalm.domains.oncall import subscribers as on_oncall
from staycalm.domains.releases import subscribers as on_releases
from staycalm.engine import events as engine
from staycalm.kit.reconcile import AnyReconciler
from staycalm.kit.subscriptions import Subscription

FIRST, NORMAL, LATER = 0, 1, 2
