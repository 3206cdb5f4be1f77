"""The stage: a data directory, the server, its settings and its file, and the three versions of the shop."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

SHOP_HOST = "shop.localhost"
CANDIDATE_HOST = "green.shop.localhost"
START_TIMEOUT_S = 60.0
END_TIMEOUT_S = 15.0

SETTINGS = """\
[server]
port = 0
log_level = "info"
[deployments]
people_deploy_freely = true
time_factor = {time_factor}
baseline_s = 4
verify_s = 4
latency_grace_s = 4
[incidents]
rollback_priority = "P0"
[envoy]
die_with_parent = true
[smtp]
host = "127.0.0.1"
port = {smtp_port}
security = "none"
sender = "staycalm@calm-kettle.example"
[webhook]
allow_networks = ["127.0.0.0/8"]
"""

CATALOG = """\
organisation: {{name: The Calm Kettle, escalation_policy: shop}}
people:
  alice:
    name: Alice
    email: alice@calm-kettle.example
    roles: [devops]
    contact_methods: [{{email: alice@calm-kettle.example}}, {{webhook: "{hook}"}}]
  bob:
    name: Bob
    email: bob@calm-kettle.example
    roles: [devops]
    contact_methods: [{{email: bob@calm-kettle.example}}]
teams:
  shop: {{members: [alice, bob]}}
environments:
  production: {{production: true}}
services:
  shop:
    title: The Calm Kettle
    team: shop
    tier: 2
    placements:
      production:
        listener: {{address: 127.0.0.1, port: {proxy_port}}}
        hosts: [{shop_host}]
        candidate_hosts: [{candidate_host}]
        command: ["{python}", shop.py]
        health: {{path: /health}}
        smoke_tests:
          - /health
          - {{path: /api/version, contains: version}}
        strategy: sop
        rollback: {{warm_for: 10m}}
        probes:
          - {{url: "http://127.0.0.1:{proxy_port}/health", host: {shop_host}}}
schedules:
  shop: {{people: [alice, bob]}}
escalation_policies:
  shop:
    steps:
      - {{page: primary of shop, wait: {escalation_s}s}}
      - {{page: secondary of shop, wait: {escalation_s}s}}
"""


class StageError(Exception):
    """The stage could not be set; the message says why."""


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stage:
    """One server process on a data directory of its own. `tear_down` leaves no process behind."""

    def __init__(self, directory: Path, *, time_factor: float, escalation_s: float) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.proxy_port = free_port()
        self._time_factor = time_factor
        self._escalation_s = escalation_s
        self._server: asyncio.subprocess.Process | None = None
        self.url = ""

    @property
    def shop_url(self) -> str:
        return f"http://127.0.0.1:{self.proxy_port}"

    @property
    def log_file(self) -> Path:
        return self.directory / "server.log"

    def write_catalog(self, hook: str) -> Path:
        """Return the staycalm.yaml of the shop; pages for Alice also go to the webhook `hook`."""
        file = self.directory / "staycalm.yaml"
        file.write_text(
            CATALOG.format(
                proxy_port=self.proxy_port,
                shop_host=SHOP_HOST,
                candidate_host=CANDIDATE_HOST,
                python=sys.executable,
                escalation_s=self._escalation_s,
                hook=hook,
            ),
            encoding="utf-8",
        )
        return file

    def write_version(self, version: str, **behaviour: float) -> Path:
        """Return the artifact of a version: a directory with the shop and how it behaves."""
        folder = self.directory / "builds" / version
        folder.mkdir(parents=True)
        shutil.copy(str(files("staycalm.demo") / "shop.py"), folder / "shop.py")
        release = {"version": version, **behaviour}
        (folder / "release.json").write_text(json.dumps(release), encoding="utf-8")
        return folder

    def environment(self) -> dict[str, str]:
        """Return the environment in which `sc` talks to this server and to no other."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("SC_")}
        return {
            **kept,
            "SC_DATA": str(self.data),
            "XDG_CONFIG_HOME": str(self.directory / "config"),
            "NO_COLOR": "1",
        }

    async def start_server(self, smtp_port: int) -> None:
        """The server serves at `url`. Raises StageError with the end of its log."""
        self.data.mkdir(mode=0o700)
        settings = SETTINGS.format(time_factor=self._time_factor, smtp_port=smtp_port)
        (self.data / "staycalm.toml").write_text(settings, encoding="utf-8")
        with self.log_file.open("wb") as log:
            self._server = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "staycalm.app",
                "up",
                "--data",
                str(self.data),
                stdout=log,
                stderr=log,
                env=self.environment(),
                start_new_session=True,
            )
        announced = self.data / "server.json"
        deadline = asyncio.get_running_loop().time() + START_TIMEOUT_S
        while not announced.exists():
            if self._server.returncode is not None or asyncio.get_running_loop().time() > deadline:
                raise StageError(f"the server did not start:\n{self.log_tail()}")
            await asyncio.sleep(0.05)
        self.url = json.loads(announced.read_text(encoding="utf-8"))["url"]

    def log_tail(self, lines: int = 15) -> str:
        """Return the end of the server's log."""
        return "\n".join(self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    async def sc(self, *arguments: str) -> tuple[int, str]:
        """Return exit code and standard output of `sc ARGUMENTS` against this server."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "staycalm.cli",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            stdin=asyncio.subprocess.DEVNULL,
            env=self.environment(),
        )
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode(errors="replace").rstrip()

    async def tear_down(self) -> None:
        """The server, its proxy and its services are gone: this returns only then."""
        if self._server is not None and self._server.returncode is None:
            self._server.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait(), 20)
            if self._server.returncode is None:
                os.killpg(self._server.pid, signal.SIGKILL)
                await self._server.wait()
        # Proxy and services notice the server's death by themselves and end gracefully.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._until_alone(), END_TIMEOUT_S)

    async def _until_alone(self) -> None:
        # The end of somebody else's process can only be looked for.
        while self._has_processes():  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    def _has_processes(self) -> bool:
        """Return whether a program of this stage's data directory runs (where the system has /proc)."""
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                where = os.readlink(entry / "cwd")
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
                if f"{self.data}/" in command or where.startswith(f"{self.data}/"):
                    return True
        return False
