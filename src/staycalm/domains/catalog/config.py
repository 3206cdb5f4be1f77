"""What is declared about services, environments, teams and placements, as frozen values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from staycalm.core.placement import Placement
from staycalm.ports.deploy import HealthCheck
from staycalm.ports.traffic import Listener

ServiceKind = Literal["service", "worker", "static"]
ManagedBy = Literal["file", "web"]
TargetKind = Literal["process", "exec"]
RouterKind = Literal["envoy", "exec", "none"]
SmokeKind = Literal["http", "command"]
ProbeKind = Literal["http", "tcp", "command"]
IntegrityKind = Literal["command", "sql"]

SERVICE_KINDS: tuple[ServiceKind, ...] = ("service", "worker", "static")
TARGETS: tuple[TargetKind, ...] = ("process", "exec")
ROUTERS: tuple[RouterKind, ...] = ("envoy", "exec", "none")
EXEC_OPERATIONS = (
    "prepare", "start", "status", "scale", "stop", "remove", "list", "logs",
    "set_weight", "read_weight", "ensure", "remove_route", "samples",
)  # fmt: skip
DEFAULT_STRATEGY = "sop"
DEFAULT_WARM_FOR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Organisation:
    """Whose production this is. `time_zone` is an IANA name."""

    name: str = ""
    time_zone: str = "UTC"
    escalation_policy: str | None = None


@dataclass(frozen=True, slots=True)
class Team:
    """Managers and security leads are attributes of people in teams, never roles."""

    name: str
    title: str = ""
    members: tuple[str, ...] = ()
    managers: tuple[str, ...] = ()
    security_leads: tuple[str, ...] = ()
    managed_by: ManagedBy = "file"


@dataclass(frozen=True, slots=True)
class Environment:
    """Where services run. Production asks people for a reason before a deployment by hand."""

    name: str
    is_production: bool = False
    title: str = ""
    managed_by: ManagedBy = "file"


@dataclass(frozen=True, slots=True)
class Service:
    """What we run. `tier` is 1 (a person decides on too little evidence) to 4; owners are handles."""

    name: str
    title: str = ""
    kind: ServiceKind = "service"
    tier: int = 3
    team: str | None = None
    owners: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    escalation_policy: str | None = None
    runbook_url: str | None = None
    managed_by: ManagedBy = "file"


@dataclass(frozen=True, slots=True)
class SmokeTest:
    """One check of the candidate before any traffic.

    http: GET `path` answers `expect_status`, its body contains `expect_body` when set.
    command: `command` is a name in the server's own settings; exit 0 passes.
    """

    name: str
    kind: SmokeKind = "http"
    path: str | None = None
    expect_status: int = 200
    expect_body: str | None = None
    command: str | None = None
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class ProbeConfig:
    """A liveness probe: every `interval_s`, down after `failures` in a row.

    `target` is a URL (http) or host:port (tcp); `command` is a name in the server's own settings.
    """

    name: str
    kind: ProbeKind = "http"
    target: str = ""
    command: str | None = None
    host_header: str | None = None
    expect_status: int | None = None
    interval_s: float = 10.0
    timeout_s: float = 5.0
    failures: int = 3


@dataclass(frozen=True, slots=True)
class DataIntegrityCheck:
    """A declared check whose failure is a P0 (SOP §4.3 "data integrity issue").

    command: a name in the server's own settings, exit 0 passes. sql: `sql` on `database` (a URL whose
    password is a `${env:…}` or `${file:…}` reference) passes when it returns no row.
    """

    kind: IntegrityKind
    command: str | None = None
    sql: str | None = None
    database: str | None = None
    interval_s: float = 300.0
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class CapacityLimits:
    """Declared limits that the 80 % and 70 % rules of SOP §4.3 are measured against; None is unlimited."""

    cpu_cores: float | None = None
    memory_bytes: int | None = None
    requests_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class BusinessMetric:
    """A counter that must not fall for candidate's clients, such as orders.

    Either `counter` is scraped from `path` of every instance (Prometheus text format, summed over
    labels), or `query` is asked of the metric source with {slot} and {revision} filled in.
    """

    name: str
    counter: str | None = None
    path: str = "/metrics"
    query: str | None = None


@dataclass(frozen=True, slots=True)
class MetricQueries:
    """Expressions for a metric source, each a cumulative counter of one slot.

    {service}, {environment}, {slot} (blue, green) and {revision} are replaced before asking;
    `at_most` also gets {seconds}: requests that took no longer. `saturation` is a fraction 0-1.
    """

    requests: str
    errors: str
    at_most: str | None = None
    saturation: str | None = None
    source: str = "prometheus"


@dataclass(frozen=True, slots=True)
class PlacementConfig:
    """Everything one service in one environment declares; durations in seconds.

    `listener` is None for workers and behind other routers. `env` values may hold `${env:NAME}` and
    `${file:PATH}`; they are kept as references and resolved only where the program is started.
    `command` may use {port}, {root}, {digest}, {reference}, {revision}. `exec_commands` maps an
    operation of the exec target or router (EXEC_OPERATIONS) to a name in the server's own settings.
    `warm_for_s` is how long the old stable keeps running after a completed deployment.
    """

    placement: Placement
    kind: ServiceKind = "service"
    is_production: bool = False
    target: TargetKind = "process"
    router: RouterKind = "envoy"
    listener: Listener | None = None
    hosts: tuple[str, ...] = ()
    candidate_hosts: tuple[str, ...] = ()
    path_prefix: str = "/"
    request_timeout_s: float = 15.0
    instances: int = 1
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    exec_commands: Mapping[str, str] = field(default_factory=dict)
    static_root: str | None = None
    health: HealthCheck = HealthCheck()
    stop_grace_s: float = 10.0
    smoke_tests: tuple[SmokeTest, ...] = ()
    strategy: str = DEFAULT_STRATEGY
    auto_rollback: bool = True
    warm_for_s: float = DEFAULT_WARM_FOR_S
    business_metric: BusinessMetric | None = None
    metric_queries: MetricQueries | None = None
    probes: tuple[ProbeConfig, ...] = ()
    data_integrity: DataIntegrityCheck | None = None
    capacity: CapacityLimits = CapacityLimits()

    @property
    def service(self) -> str:
        return self.placement.service

    @property
    def environment(self) -> str:
        return self.placement.environment
