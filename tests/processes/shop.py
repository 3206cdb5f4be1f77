"""The shop that runs in the processes: its service file, its program, and a release of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from staycalm.core.placement import Placement
from staycalm.packing import file_digest, pack_directory
from tests.processes.servers import PEOPLE, Inbox, Server

SHOP = Placement("shop", "production")
HOST = "shop.example"
QUICKLY = {
    "SC_DEPLOYMENTS_BASELINE_S": "0.5", "SC_DEPLOYMENTS_VERIFY_S": "0.5", "SC_DEPLOYMENTS_KEEP_FAILED_S": "1",
    "SC_DEPLOYMENTS_DRAIN_S": "1", "SC_ONCALL_PAGE_AFTER_P1_S": "1", "SC_ONCALL_SEND_LEASE_S": "1",
    "SC_INCIDENTS_ROLLBACK_PRIORITY": "P0", "SC_ENVOY_DIE_WITH_PARENT": "false",
}  # fmt: skip
"""Small steps, and a proxy and instances that outlive their server, as in production."""

FILE = (
    PEOPLE
    + """\
environments:
  production: {{production: true}}
services:
  s0: {{team: platform}}
  shop:
    team: platform
    placements:
      production:
        listener: {{address: 127.0.0.1, port: {port}}}
        hosts: [{host}]
        command: ["{python}", "-I", "-S", "shop.py"]
        health: {{path: /health}}
        smoke_tests: [/health]
        rollback: {{warm_for: 2s}}
escalation_policies:
  default:
    rounds: 1
    steps:
      - {{page: person alice, wait: 24h}}
      - {{page: person bob, wait: 24h}}
"""
)
PROGRAM = """
import json, os, random
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
about = json.load(open("release.json"))
class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        is_broken = os.path.exists(about.get("bad_when", "")) or random.random() < about["error_rate"]
        bad = self.path != "/health" and is_broken
        body = about["version"].encode()
        self.send_response(500 if bad else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Shop).serve_forever()
"""


def catalog(inbox: Inbox, port: int) -> str:
    """Return the service file of the night."""
    return FILE.format(url=inbox.url, port=port, host=HOST, python=sys.executable)


def pack(folder: Path, version: str, **about: object) -> tuple[str, bytes]:
    """Return digest and bytes of a version: `error_rate`, and `bad_when` a file exists it answers 500 alone."""
    build = folder / "builds" / version
    build.mkdir(parents=True)
    (build / "shop.py").write_text(PROGRAM, encoding="utf-8")
    (build / "release.json").write_text(json.dumps({"version": version, "error_rate": 0.0, **about}))
    with tempfile.TemporaryFile() as packed:
        pack_directory(build, packed)
        packed.seek(0)
        digest, _ = file_digest(packed)
        packed.seek(0)
        return digest, packed.read()


def deploy(server: Server, digest: str, packed: bytes, steps: list[dict[str, Any]]) -> str:
    """Return the deployment that has begun."""
    sent = server.ask("PUT", "/api/v1/releases/artifacts", params={"digest": digest}, content=packed)
    assert sent.is_success, sent.text
    server.post("/api/v1/releases", {"service": "shop", "digest": digest})
    wish = {"service": "shop", "environment": "production", "release": digest, "steps": steps}
    return str(server.post("/api/v1/deployments", {**wish, "hotfix": True, "reason": "the night"})["id"])


def take_down(*servers: Server) -> None:
    """No server runs any more, and neither does what they would leave behind: proxy, supervisors and instances."""
    for server in servers:
        if server.process is not None and server.process.poll() is None:
            server.end(signal.SIGTERM)
    for directory in {server.directory for server in servers}:
        subprocess.run(
            [sys.executable, "-m", "staycalm.app", "down", "--data", str(directory)],
            env={"PATH": os.environ["PATH"], **servers[0].environment}, check=True, timeout=60,
        )  # fmt: skip
