"""What has to be watched of a placement, and how it is looked at. Pure."""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from staycalm.core.placement import Placement
from staycalm.domains.catalog.public import PlacementConfig, ProbeConfig
from staycalm.domains.monitoring.rules import Rule
from staycalm.ports.probes import Probe

Kind = Literal[
    "probe",
    "instances",
    "traffic",
    "counters",
    "integrity",
    "query",
    "roll_up",
    "sync",
    "prune",
    "report",
    "check",
]

# Rows of these kinds come and go with health reports, whatever the catalog says.
PASSING: tuple[Kind, ...] = ("report", "check")
# Looks of these kinds are not evaluated while nothing changes.
CALMED: tuple[Kind, ...] = ("probe", "instances", "integrity", "traffic")
LIVENESS = "liveness"
INSTANCES_LIMIT = 3
ROLL_UP_INTERVAL_S = 60.0
IDLE_INTERVAL_S = 60.0
SYNC_INTERVAL_S = 3600.0
PRUNE_INTERVAL_S = 3600.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing to watch. `limit` failures in a row mean down; `needs_edge`: only the proxy's machine can look."""

    kind: Kind
    placement: Placement | None
    name: str
    interval_s: float
    limit: int = 1
    needs_edge: bool = False

    @property
    def key(self) -> str:
        """Return the key of its row: `probe/shop@production/liveness`."""
        return f"{self.kind}/{self.placement or ''}/{self.name}"


SYNC = Wanted("sync", None, "", SYNC_INTERVAL_S)
PRUNE = Wanted("prune", None, "", PRUNE_INTERVAL_S)


def wanted_for(
    config: PlacementConfig,
    rules: Sequence[Rule],
    *,
    traffic_interval_s: float,
    instances_interval_s: float,
    query_interval_s: float,
) -> tuple[Wanted, ...]:
    """Return everything to watch of a placement."""
    place = config.placement
    found = [
        Wanted("probe", place, probe.name, probe.interval_s, probe.failures, _is_local(probe))
        for probe in probes_of(config)
    ]
    found.append(Wanted("instances", place, "instances", instances_interval_s, INSTANCES_LIMIT, True))
    if config.metric_queries is not None:
        found.append(Wanted("counters", place, "counters", query_interval_s))
    elif config.router != "none":
        found.append(Wanted("traffic", place, "traffic", traffic_interval_s, 1, True))
    if config.data_integrity is not None:
        found.append(Wanted("integrity", place, "data-integrity", config.data_integrity.interval_s))
    found.extend(
        Wanted("query", place, rule.name, query_interval_s)
        for rule in rules
        if rule.signal == "query" and rule.applies_to(place)
    )
    found.append(roll_up_of(place))
    return tuple(found)


def roll_up_of(placement: Placement) -> Wanted:
    """Return the watch that every placement has."""
    return Wanted("roll_up", placement, "roll-up", ROLL_UP_INTERVAL_S)


def probes_of(config: PlacementConfig) -> tuple[ProbeConfig, ...]:
    """Return the declared probes; without any, the health path through the proxy's own listener."""
    if config.probes:
        return config.probes
    listener, path = config.listener, config.health.path
    if listener is None or config.health.kind != "http" or path is None:
        return ()
    address = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(listener.address, listener.address)
    host = f"[{address}]" if ":" in address else address
    scheme = "https" if listener.certificate_file else "http"
    prefix = config.path_prefix.rstrip("/")
    return (
        ProbeConfig(
            name=LIVENESS,
            target=f"{scheme}://{host}:{listener.port}{prefix}{path}",
            host_header=config.hosts[0] if config.hosts else None,
        ),
    )


def probe_for(declared: ProbeConfig) -> Probe:
    """Return the look that a declared probe asks for.

    This machine is reached by address, so no certificate can name it; whether it is trusted is not asked there.
    """
    return Probe(
        kind=declared.kind,
        target=declared.target,
        command=(declared.command,) if declared.command else (),
        timeout_s=declared.timeout_s,
        expect_status=declared.expect_status,
        host_header=declared.host_header,
        checks_certificate=not _is_local(declared),
    )


def integrity_probe(config: PlacementConfig) -> Probe | None:
    """Return the look that the declared data-integrity check asks for, None when none is declared."""
    check = config.data_integrity
    if check is None:
        return None
    if check.kind == "sql":
        return Probe("sql", target=check.database or "", sql=check.sql or "", timeout_s=check.timeout_s)
    return Probe("command", command=(check.command,) if check.command else (), timeout_s=check.timeout_s)


def first_due_after_s(wanted: Wanted) -> float:
    """Return where in its interval the thing is looked at first: the same always, different for different keys."""
    return wanted.interval_s * (zlib.crc32(wanted.key.encode()) % 1000) / 1000


def next_due_after_s(interval_s: float, late_s: float) -> float:
    """Return the seconds from now to the next look: on the beat, or a whole interval when the beat was lost."""
    return interval_s - late_s if 0 <= late_s < interval_s else interval_s


def _is_local(probe: ProbeConfig) -> bool:
    if probe.kind == "command":
        return False
    host = urlsplit(probe.target).hostname if probe.kind == "http" else probe.target.rpartition(":")[0].strip("[]")
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False
