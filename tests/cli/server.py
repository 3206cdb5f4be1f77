"""One real server for the session, and `sc` as a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_S = 120.0
COMMAND_S = 180.0


@dataclass(frozen=True)
class Said:
    """What a run of `sc` said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment without any of this machine's own StayCalm, nor its terminal and wish for colours."""
    ours = ("SC_", "XDG_", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "TTY_", "COLUMNS", "LINES")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours) and name != "TERM"}
    return {**kept, "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), **more}


def run_sc(*arguments: str, env: dict[str, str], cwd: Path | None = None, stdin: str = "") -> Said:
    """Return what `sc ARGUMENTS` did; it must never show a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "staycalm.cli", *arguments],
        env=env, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=COMMAND_S, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


@dataclass
class Server:
    """A running server with its data directory."""

    folder: Path
    url: str

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def token(self) -> str:
        return (self.data / "cli-token").read_text(encoding="utf-8").strip()

    def environment(self, **more: str) -> dict[str, str]:
        return clean_environment(self.folder, SC_DATA=str(self.data), **more)

    def sc(self, *arguments: str, stdin: str = "", **more: str) -> Said:
        return run_sc(*arguments, env=self.environment(**more), cwd=self.folder, stdin=stdin)


SETTINGS = """\
[deployments]
time_factor = 200
baseline_s = 1
verify_s = 1
people_deploy_freely = false
[probes.commands]
"""


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Yield a server that serves; it, its proxy and its services are gone afterwards."""
    data = folder / "data"
    data.mkdir(mode=0o700)
    (data / "staycalm.toml").write_text(SETTINGS, encoding="utf-8")
    env = clean_environment(folder, SC_DATA=str(data), SC_SERVER_PORT="0", SC_ENVOY_DIE_WITH_PARENT="true")
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "staycalm.app", "up"], stdout=log, stderr=log, env=env, start_new_session=True
        )
    try:
        yield Server(folder, _wait(process, data / "server.json", folder / "server.log"))
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _wait(process: subprocess.Popen[bytes], announced: Path, log: Path) -> str:
    deadline = time.monotonic() + START_S
    while not announced.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"the server did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")
        time.sleep(0.05)
    return str(json.loads(announced.read_text(encoding="utf-8"))["url"])
