"""Composing clusters: pure functions from what a placement declares to what the proxy is told.

Each slot has three, none of which depends on the split, so that shifting touches routes alone:
`P/blue` serves as stable, `P/blue/candidate` the same instances with ejection, and `P/blue/first` tries the
candidate and falls back to the other slot. Users reach `P/blue` or `P/blue/first`, previews and the candidate's
own host name reach `P/blue/candidate`; so the proxy's response counters tell users from testers.

Members are written into the cluster instead of a file of their own: the proxy spends one inotify instance per
watched file, and the usual limit is 128.
"""

from __future__ import annotations

import ipaddress

from staycalm.adapters.envoy.files import Json
from staycalm.adapters.envoy.settings import EnvoySettings
from staycalm.core.placement import Placement
from staycalm.ports.traffic import Endpoint, RouteSpec, Slot

SLOTS: tuple[Slot, Slot] = ("blue", "green")
_TYPES = "type.googleapis.com/envoy"


def other(slot: Slot) -> Slot:
    """Return the slot that is not `slot`."""
    return "green" if slot == "blue" else "blue"


def stable_cluster(placement: Placement, slot: Slot) -> str:
    """Return the name of the cluster that serves users as stable."""
    return f"{placement}/{slot}"


def candidate_cluster(placement: Placement, slot: Slot) -> str:
    """Return the name of the cluster that reaches the candidate and nothing else."""
    return f"{placement}/{slot}/candidate"


def fallback_cluster(placement: Placement, slot: Slot) -> str:
    """Return the name of the cluster that serves users as candidate, with stable behind it."""
    return f"{placement}/{slot}/first"


def seconds(value: float) -> str:
    """Return a protobuf duration."""
    return f"{value:.3f}s"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _members(name: str, slot: Slot, members: tuple[Endpoint, ...]) -> Json:
    return {
        "cluster_name": name,
        "endpoints": [
            {
                "lb_endpoints": [
                    {
                        "endpoint": {"address": {"socket_address": {"address": m.host, "port_value": m.port}}},
                        "metadata": {"filter_metadata": {"staycalm": {"slot": slot}}},
                    }
                    for m in members
                ]
            }
        ],
    }


def _health_check(spec: RouteSpec, settings: EnvoySettings) -> Json:
    named = next((host for host in spec.hosts if "*" not in host), "localhost")
    return {
        "timeout": seconds(settings.health_timeout_s),
        "interval": seconds(settings.health_interval_s),
        "no_traffic_interval": seconds(settings.health_interval_s),
        "unhealthy_threshold": 3,
        "healthy_threshold": 1,
        "http_health_check": {
            "host": named,
            "path": spec.health_path,
            "expected_statuses": [{"start": 200, "end": 400}],
        },
    }


def _limits() -> Json:
    """No limit that bites before the operating system's; retries are bounded per request already."""
    return {
        "thresholds": [
            {
                "max_connections": 100_000,
                "max_pending_requests": 100_000,
                "max_requests": 100_000,
                "max_retries": 10_000,
            }
        ]
    }


def _common(*, panic_percent: float, is_candidate: bool) -> Json:
    return {
        "update_merge_window": "0s",
        "healthy_panic_threshold": {"value": panic_percent},
        "ignore_new_hosts_until_first_hc": is_candidate,
    }


def _slot_cluster(name: str, slot: Slot, spec: RouteSpec, settings: EnvoySettings, *, is_candidate: bool) -> Json:
    members = spec.members.get(slot, ())
    cluster: Json = {
        "name": name,
        "type": "STATIC" if all(_is_address(m.host) for m in members) else "STRICT_DNS",
        "connect_timeout": seconds(settings.connect_timeout_s),
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": _members(name, slot, members),
        "circuit_breakers": _limits(),
        "ignore_health_on_host_removal": True,
        # The last of stable serves whatever its health; a candidate without a healthy instance falls back.
        "common_lb_config": _common(panic_percent=0 if is_candidate else 1, is_candidate=is_candidate),
    }
    if spec.health_path is not None and members:
        cluster["health_checks"] = [_health_check(spec, settings)]
    if is_candidate:
        cluster["outlier_detection"] = _ejection(settings)
    return cluster


def _ejection(settings: EnvoySettings) -> Json:
    return {
        "interval": "1s",
        "base_ejection_time": seconds(settings.ejection_s),
        "max_ejection_time": seconds(settings.ejection_s * 10),
        "max_ejection_percent": 100,
        "consecutive_5xx": settings.ejection_after,
        "enforcing_consecutive_5xx": 100,
        "consecutive_gateway_failure": settings.ejection_after,
        "enforcing_consecutive_gateway_failure": 100,
        "enforcing_success_rate": 0,
        "enforcing_failure_percentage": 0,
        "successful_active_health_check_uneject_host": False,
    }


def _aggregate(name: str, parts: list[str], settings: EnvoySettings) -> Json:
    return {
        "name": name,
        "connect_timeout": seconds(settings.connect_timeout_s),
        "lb_policy": "CLUSTER_PROVIDED",
        "circuit_breakers": _limits(),
        "common_lb_config": {"update_merge_window": "0s", "healthy_panic_threshold": {"value": 0}},
        "cluster_type": {
            "name": "envoy.clusters.aggregate",
            "typed_config": {
                "@type": f"{_TYPES}.extensions.clusters.aggregate.v3.ClusterConfig",
                "clusters": parts,
            },
        },
    }


def compose_clusters(spec: RouteSpec, settings: EnvoySettings) -> list[Json]:
    """Return the placement's six clusters in a constant order."""
    composed: list[Json] = []
    for slot in SLOTS:
        name, tried = stable_cluster(spec.placement, slot), candidate_cluster(spec.placement, slot)
        composed.append(_slot_cluster(name, slot, spec, settings, is_candidate=False))
        composed.append(_slot_cluster(tried, slot, spec, settings, is_candidate=True))
    for slot in SLOTS:
        parts = [candidate_cluster(spec.placement, slot), stable_cluster(spec.placement, other(slot))]
        composed.append(_aggregate(fallback_cluster(spec.placement, slot), parts, settings))
    return composed
