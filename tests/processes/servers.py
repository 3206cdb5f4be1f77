"""Real server processes, and a receiver that counts what leaves them."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
PATIENCE_S = 90.0


def eventually(look: Callable[[], T], *, within_s: float = PATIENCE_S, what: str = "it") -> T:
    """Return the first truthy answer; fails when there is none in time."""
    end = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"{what} did not happen within {within_s} s"
        time.sleep(0.02)


class Server:
    """`python -m staycalm.app up` on a data directory. Its Envoy ends with it."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.directory = directory
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self._client: httpx.Client | None = None

    @property
    def log(self) -> str:
        return (self.directory.parent / f"{self.directory.name}.log").read_text(encoding="utf-8")

    @property
    def url(self) -> str:
        return str(json.loads((self.directory / "server.json").read_text())["url"])

    def launch(self) -> Server:
        """The process runs; it may not serve yet."""
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        with open(self.directory.parent / f"{self.directory.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "staycalm.app", "up", "--data", str(self.directory)],
                env=self.whole_environment(),
                stdout=log,
                stderr=log,
            )
        return self

    def whole_environment(self) -> dict[str, str]:
        """Return the environment of the process: what the test asked for, and nothing of this machine's own."""
        return {
            "PATH": os.environ["PATH"], "HOME": str(self.directory.parent), "SC_SERVER_PORT": "0",
            "SC_ENVOY_DIE_WITH_PARENT": "true", "SC_ENVOY_CONCURRENCY": "1", **self.environment,
        }  # fmt: skip

    def start(self) -> Server:
        """The server answers."""
        self.launch()
        assert self.process is not None
        eventually(self._is_ready, what=f"the start of {self.directory.name}")
        token = (self.directory / "cli-token").read_text().strip()
        self._client = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=PATIENCE_S,
            trust_env=False,
            verify=False,  # nothing here speaks TLS, and reading the machine's certificates takes 25 ms each time
        )
        return self

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        with contextlib.suppress(OSError, ValueError, KeyError, httpx.TransportError):
            if json.loads((self.directory / "server.json").read_text())["pid"] == self.process.pid:
                health = httpx.get(f"{self.url}/health", timeout=5, trust_env=False, verify=False)
                return health.status_code in (200, 503)
        return False

    def ask(self, method: str, path: str, **named: Any) -> httpx.Response:
        assert self._client is not None
        return self._client.request(method, path, **named)

    def get(self, path: str, **named: Any) -> Any:
        answer = self.ask("GET", path, **named)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        answer = self.ask("POST", path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return every event whose name begins so."""
        found: list[dict[str, Any]] = []
        since: str | None = None
        while True:
            page = self.get(
                "/api/v1/audit/events", params={"name": name, "limit": 500} | ({"since": since} if since else {})
            )
            found += page["items"]
            if len(page["items"]) < 500:
                return found
            since = page["next_cursor"]

    def end(self, number: int = signal.SIGTERM, *, within_s: float = PATIENCE_S) -> int:
        """The process has ended after the signal; returns its exit code."""
        assert self.process is not None
        if self._client is not None:
            self._client.close()
        self.process.send_signal(number)
        return self.process.wait(timeout=within_s)

    def kill(self) -> None:
        """The process is gone without a word."""
        self.end(signal.SIGKILL)


class Inbox:
    """A webhook receiver. `received` counts requests by their idempotency key; `marks` tells for each of them,
    in order, whether it said that it may be a duplicate. While `gate` is closed nothing is answered; `arrived`
    counts those that wait too.
    """

    def __init__(self) -> None:
        self.received: Counter[str] = Counter()
        self.bodies: dict[str, dict[str, Any]] = {}
        self.marks: dict[str, list[bool]] = {}
        self.arrived = 0
        self.gate = threading.Event()
        self.gate.set()
        inbox = self

        class Receiver(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.arrived += 1
                inbox.gate.wait(PATIENCE_S)
                key = self.headers["webhook-id"]
                inbox.received[key] += 1
                inbox.bodies[key] = json.loads(body)
                inbox.marks.setdefault(key, []).append(inbox.bodies[key]["is_duplicate_possible"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return None

        class Roomy(http.server.ThreadingHTTPServer):
            """Takes as many connections at once as servers open; the library's backlog of 5 drops the rest."""

            request_queue_size = 128

        self._http = Roomy(("127.0.0.1", 0), Receiver)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.gate.set()
        self._http.shutdown()
        self._http.server_close()


PEOPLE = """
organisation: {{name: Acme, escalation_policy: default}}
people:
  alice: {{name: Alice, email: alice@example.com, contact_methods: [{{webhook: "{url}alice"}}]}}
  bob: {{name: Bob, email: bob@example.com, contact_methods: [{{webhook: "{url}bob"}}]}}
teams:
  platform: {{members: [alice, bob]}}
"""
FILE = (
    PEOPLE
    + """\
services:
{services}
escalation_policies:
  default:
    rounds: 1
    steps:
      - {{page: person alice, wait: {wait}}}
      - {{page: person bob, wait: 1h}}
"""
)


def apply(server: Server, inbox: Inbox, wait: str = "1h") -> None:
    """The organisation and the services s0 to s39 are declared: alice is paged first, bob after `wait`."""
    services = "\n".join(f"  s{n}: {{team: platform}}" for n in range(40))
    server.post("/api/v1/catalog/apply", {"text": FILE.format(url=inbox.url, wait=wait, services=services)})
