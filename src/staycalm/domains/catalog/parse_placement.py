"""One placement of the file: everything a service declares for one environment. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from staycalm.core.errors import Invalid
from staycalm.core.placement import Placement
from staycalm.domains.catalog.config import (
    DEFAULT_STRATEGY,
    DEFAULT_WARM_FOR_S,
    EXEC_OPERATIONS,
    ROUTERS,
    TARGETS,
    BusinessMetric,
    CapacityLimits,
    MetricQueries,
    PlacementConfig,
    ServiceKind,
)
from staycalm.domains.catalog.decisions import parse_size, wrong_reference
from staycalm.domains.catalog.located import Fields, Node
from staycalm.domains.catalog.parse_checks import parse_health, parse_integrity, parse_probe, parse_smoke_test
from staycalm.ports.traffic import Listener

KEYS = (
    "listener", "hosts", "candidate_hosts", "path_prefix", "request_timeout", "target", "router", "instances",
    "command", "env", "exec", "root", "health", "stop_grace", "smoke_tests", "strategy", "rollback",
    "business_metric", "metric_queries", "probes", "data_integrity", "capacity",
)  # fmt: skip
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:\d{1,5})?\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def parse_placement(node: Node, placement: Placement, kind: ServiceKind, is_production: bool) -> PlacementConfig:
    """Return the placement as declared; problems are reported on the nodes."""
    f = node.fields(*KEYS)
    rollback = f["rollback"].fields("automatic", "warm_for")
    target = f.choice("target", TARGETS, "process")
    router = "none" if kind == "worker" and "router" not in f else f.choice("router", ROUTERS, "envoy")
    config = PlacementConfig(
        placement=placement,
        kind=kind,
        is_production=is_production,
        target=target,
        router=router,
        listener=_listener(f["listener"]),
        hosts=_hosts(f["hosts"]),
        candidate_hosts=_hosts(f["candidate_hosts"]),
        path_prefix=_path(f, "path_prefix", "/"),
        request_timeout_s=f.duration_s("request_timeout", 15.0, least_s=0.1, most_s=3600),
        instances=f.integer("instances", 1, least=1, most=100),
        command=_command(f["command"]),
        env=_env(f["env"]),
        exec_commands=_exec(f["exec"]),
        static_root=f.find_text("root"),
        health=parse_health(f["health"], kind),
        stop_grace_s=f.duration_s("stop_grace", 10.0, most_s=3600),
        smoke_tests=tuple(parse_smoke_test(item) for item in f["smoke_tests"].nodes()),
        strategy=f.text("strategy", DEFAULT_STRATEGY),
        auto_rollback=rollback.boolean("automatic", True),
        warm_for_s=rollback.duration_s("warm_for", DEFAULT_WARM_FOR_S),
        business_metric=_business_metric(f["business_metric"]),
        metric_queries=_metric_queries(f["metric_queries"]),
        probes=tuple(parse_probe(item) for item in f["probes"].nodes()),
        data_integrity=parse_integrity(f["data_integrity"]),
        capacity=_capacity(f["capacity"]),
    )
    _check_together(f, config)
    return config


def check_listeners(found: Mapping[Placement, PlacementConfig], nodes: Mapping[Placement, Node]) -> None:
    """No two placements claim one host on one listener, and those that share a port agree about it."""
    claims: dict[tuple[str, int, str, str], Placement] = {}
    ports: dict[tuple[str, int], tuple[Listener, Placement]] = {}
    for placement, config in found.items():
        listener = config.listener
        if listener is None:
            continue
        other_listener, first = ports.setdefault((listener.address, listener.port), (listener, placement))
        if other_listener != listener:
            nodes[placement].report(
                f"{placement} and {first} share port {listener.port} with different certificates",
                "give both the same certificate_file and key_file",
            )
        claimed = [(host, config.path_prefix) for host in config.hosts]
        claimed += [(host, "/") for host in config.candidate_hosts]
        for host, prefix in claimed:
            holder = claims.setdefault((listener.address, listener.port, host, prefix), placement)
            if holder != placement:
                nodes[placement].report(
                    f"{placement} and {holder} both claim {host}{prefix} on port {listener.port}",
                    "give one of them another host, path_prefix or port",
                )


def _check_together(f: Fields, config: PlacementConfig) -> None:
    node = f.node
    has_route = config.router == "envoy" and config.kind != "worker"
    if config.kind == "worker":
        for key in ("listener", "hosts", "candidate_hosts", "path_prefix", "smoke_tests"):
            if key in f:
                f[key].report(f"a worker has no {key}", "remove it, or make the service of kind service")
        if config.router != "none":
            f["router"].report("a worker takes no traffic", "remove router")
    if has_route and config.listener is None:
        node.report(f"{config.placement} has no listener", "add listener: {port: …}, or router: none")
    if has_route and not config.hosts:
        node.report(f"{config.placement} has no hosts", 'add hosts: [shop.example.org], or hosts: ["*"]')
    if config.target == "process" and not config.command and config.kind != "static":
        node.report(f"{config.placement} has no command", "add command: [./start, --port, '{port}']")
    if config.target == "exec":
        _need_operations(f, config, ("start", "status", "stop"), "target: exec")
    if config.router == "exec":
        _need_operations(f, config, ("set_weight", "read_weight"), "router: exec")
    both = set(config.hosts) & set(config.candidate_hosts)
    if both:
        f["candidate_hosts"].report(
            f"{', '.join(sorted(both))} stands in hosts and candidate_hosts", "the candidate needs its own name"
        )


def _need_operations(f: Fields, config: PlacementConfig, operations: tuple[str, ...], why: str) -> None:
    missing = [each for each in operations if each not in config.exec_commands]
    if missing:
        f.node.report(f"{why} needs commands for {', '.join(missing)}", "add them under exec:")


def _listener(node: Node) -> Listener | None:
    if node.is_null:
        return None
    f = node.fields("address", "port", "certificate_file", "key_file")
    f.require("port")
    certificate, key = f.find_text("certificate_file"), f.find_text("key_file")
    if (certificate is None) != (key is None):
        node.report("certificate_file and key_file belong together", "give both, or none")
    return Listener(f.text("address", "0.0.0.0"), f.integer("port", 1, least=1, most=65535), certificate, key)


def _hosts(node: Node) -> tuple[str, ...]:
    hosts: list[str] = []
    for item in node.nodes():
        host = item.text().lower()
        if host and host != "*" and not _HOST.match(host):
            item.report(f"{host!r} is not a host name", "write it like shop.example.org, without http:// and path")
        if host in hosts:
            item.report(f"{host!r} stands here twice", "keep one")
        hosts.append(host)
    return tuple(hosts)


def _path(f: Fields, key: str, default: str) -> str:
    path = f.text(key, default)
    if not path.startswith("/") or any(c.isspace() for c in path):
        f[key].report(f"{path!r} is not a path", "begin it with /")
    return path


def _command(node: Node) -> tuple[str, ...]:
    if node.kind != "scalar" or node.is_null:
        return tuple(item.text() for item in node.nodes())
    try:
        return tuple(shlex.split(node.text()))
    except ValueError as error:
        node.report(f"the command cannot be split into words: {error}", "write it as a list: [./start, --flag]")
        return ()


def _env(node: Node) -> dict[str, str]:
    env: dict[str, str] = {}
    for key, value in node.entries():
        name, text = key.raw, value.literal()
        if not _VARIABLE.match(name):
            key.report(f"{name!r} is not a variable name", "use letters, digits and _, no digit first")
        wrong = wrong_reference(text)
        if wrong is not None:
            value.report(f"{wrong!r} is not a reference", "write ${env:NAME} or ${file:PATH}")
        env[name] = text
    return env


def _exec(node: Node) -> dict[str, str]:
    f = node.fields(*EXEC_OPERATIONS)
    return {operation: f.text(operation) for operation in EXEC_OPERATIONS if operation in f}


def _business_metric(node: Node) -> BusinessMetric | None:
    if node.is_null:
        return None
    f = node.fields("name", "counter", "path", "query")
    f.only_one("counter", "query")
    if "counter" not in f and "query" not in f:
        node.report("business_metric names no source", "add counter: orders_total, or query: …")
    name = f.text("name") or f.text("counter", "business metric")
    return BusinessMetric(name, f.find_text("counter"), _path(f, "path", "/metrics"), f.find_text("query"))


def _metric_queries(node: Node) -> MetricQueries | None:
    if node.is_null:
        return None
    f = node.fields("source", "requests", "errors", "at_most", "saturation")
    f.require("requests", "errors")
    return MetricQueries(
        f.text("requests"), f.text("errors"), f.find_text("at_most"), f.find_text("saturation"),
        f.text("source", "prometheus"),
    )  # fmt: skip


def _capacity(node: Node) -> CapacityLimits:
    f = node.fields("cpu", "memory", "requests_per_second")

    def positive(key: str) -> Any:
        return f[key].number(least=0.001) if key in f else None

    memory: int | None = None
    if "memory" in f:
        try:
            memory = parse_size(f["memory"].text())
        except Invalid as error:
            f["memory"].report(error.message, error.next_step)
    return CapacityLimits(positive("cpu"), memory, positive("requests_per_second"))
