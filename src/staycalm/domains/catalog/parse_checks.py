"""The checks a placement declares: health, smoke tests, probes, data integrity. Pure."""

from __future__ import annotations

from staycalm.domains.catalog.config import DataIntegrityCheck, ProbeConfig, ServiceKind, SmokeTest
from staycalm.domains.catalog.decisions import wrong_reference
from staycalm.domains.catalog.located import Fields, Node
from staycalm.ports.deploy import HealthCheck

NO_HEALTH = HealthCheck(kind="none", path=None)


def parse_health(node: Node, kind: ServiceKind) -> HealthCheck:
    """Return the health check: a path alone, `none`, or a mapping. Without one a worker has none."""
    if node.is_null:
        return NO_HEALTH if kind == "worker" else HealthCheck()
    if node.kind == "scalar":
        text = node.text()
        if text == "none":
            return NO_HEALTH
        if not text.startswith("/"):
            node.report(f"{text!r} is not a path", "write health: /health, health: none, or a mapping")
        return HealthCheck(path=text)
    f = node.fields("path", "tcp", "command", "timeout", "interval", "start_deadline")
    f.only_one("path", "tcp", "command")
    path: str | None = None
    command: tuple[str, ...] = ()
    if "command" in f:
        command = tuple(item.text() for item in f["command"].nodes())
    elif not f.boolean("tcp", False):
        path = _absolute(f, "path", "/health")
    return HealthCheck(
        kind="command" if "command" in f else "http" if path is not None else "tcp",
        path=path,
        command=command,
        timeout_s=f.duration_s("timeout", 2.0, least_s=0.05, most_s=300),
        interval_s=f.duration_s("interval", 0.2, least_s=0.05, most_s=300),
        start_deadline_s=f.duration_s("start_deadline", 60.0, least_s=1, most_s=3600),
    )


def parse_smoke_test(node: Node) -> SmokeTest:
    """Return one smoke test: a path alone, or a mapping with `path` or `command`."""
    if node.kind == "scalar":
        path = node.text()
        if not path.startswith("/"):
            node.report(f"{path!r} is not a path", "write - /health, or - {command: NAME}")
        return SmokeTest(name=path, path=path)
    f = node.fields("name", "path", "command", "status", "contains", "timeout")
    f.only_one("path", "command")
    timeout_s = f.duration_s("timeout", 10.0, least_s=0.1, most_s=600)
    if "command" in f:
        for key in ("status", "contains"):
            if key in f:
                f[key].report(f"{key} is for paths", "a command passes with exit code 0")
        command = f.text("command")
        return SmokeTest(f.text("name") or command, "command", command=command, timeout_s=timeout_s)
    f.require("path")
    path = _absolute(f, "path", "/")
    return SmokeTest(
        name=f.text("name") or path,
        path=path,
        expect_status=f.integer("status", 200, least=100, most=599),
        expect_body=f.find_text("contains"),
        timeout_s=timeout_s,
    )


def parse_probe(node: Node) -> ProbeConfig:
    """Return one liveness probe: `url`, `tcp` or `command`."""
    f = node.fields("name", "url", "tcp", "command", "host", "status", "interval", "timeout", "failures")
    f.only_one("url", "tcp", "command")
    interval_s = f.duration_s("interval", 10.0, least_s=1, most_s=86400)
    timeout_s = f.duration_s("timeout", 5.0, least_s=0.1, most_s=300)
    failures = f.integer("failures", 3, least=1, most=100)
    if "command" in f:
        command = f.text("command")
        return ProbeConfig(f.text("name") or command, "command", command=command, interval_s=interval_s,
                           timeout_s=timeout_s, failures=failures)  # fmt: skip
    if "tcp" in f:
        target = f.text("tcp")
        host, _, port = target.rpartition(":")
        if not host or not port.isdigit() or not 1 <= int(port) <= 65535:
            f["tcp"].report(f"{target!r} is not HOST:PORT", "write it like 127.0.0.1:5432")
        return ProbeConfig(f.text("name") or target, "tcp", target, interval_s=interval_s,
                           timeout_s=timeout_s, failures=failures)  # fmt: skip
    f.require("url")
    url = f.text("url")
    if url and not url.startswith(("http://", "https://")):
        f["url"].report(f"{url!r} is not a web address", "write it like http://127.0.0.1:8080/health")
    return ProbeConfig(
        name=f.text("name") or url,
        kind="http",
        target=url,
        host_header=f.find_text("host"),
        expect_status=f.integer("status", 200, least=100, most=599) if "status" in f else None,
        interval_s=interval_s,
        timeout_s=timeout_s,
        failures=failures,
    )


def parse_integrity(node: Node) -> DataIntegrityCheck | None:
    """Return the declared data-integrity check, or None."""
    if node.is_null:
        return None
    f = node.fields("command", "sql", "database", "interval", "timeout")
    f.only_one("command", "sql")
    interval_s = f.duration_s("interval", 300.0, least_s=1)
    timeout_s = f.duration_s("timeout", 30.0, least_s=0.1, most_s=3600)
    if "sql" in f:
        f.require("database")
        database = f.text("database")
        wrong = wrong_reference(database)
        if wrong is not None:
            f["database"].report(f"{wrong!r} is not a reference", "write ${env:NAME} or ${file:PATH}")
        before, has_user, _ = database.rpartition("@")
        password = before.partition("://")[2].partition(":")[2]
        if has_user and password and "${" not in password:
            f["database"].report("a password stands in the file", "write ${env:NAME} or ${file:PATH} instead")
        return DataIntegrityCheck("sql", None, f.text("sql"), database, interval_s, timeout_s)
    f.require("command")
    return DataIntegrityCheck("command", f.text("command"), None, None, interval_s, timeout_s)


def _absolute(f: Fields, key: str, default: str) -> str:
    path = f.text(key, default)
    if path and (not path.startswith("/") or any(c.isspace() for c in path)):
        f[key].report(f"{path!r} is not a path", "begin it with /")
    return path
