"""A night of work for one server: alerts, incidents that page, and rollouts under visitors, while it may die."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from staycalm.adapters.envoy.routes import placements_in
from tests.processes.servers import Server
from tests.processes.shop import HOST, SHOP, pack

STEPS = [
    {"weight": 20.0, "duration_s": 0.5, "min_requests": 40},
    {"weight": 60.0, "duration_s": 0.5, "min_requests": 40},
]


@dataclass(frozen=True)
class Route:
    """What a route file said of the shop."""

    generation: int
    is_rollback: bool
    weight: float


@dataclass
class Rollout:
    """One answered wish to deploy. `routes` are the route files that were seen while it ran."""

    id: str
    version: str
    is_bad: bool
    routes: list[Route] = field(default_factory=list)
    state: str = ""


class Night:
    """Threads that go on working whatever happens to the server; `answered_*` is what they were promised.

    Once they are `resting` nothing new is begun; `released` is set when the last rollout has ended.
    """

    def __init__(self, server: Server, url: str, port: int, folder: Path, seed: int) -> None:
        self.server, self._url, self.port, self._folder = server, url, port, folder
        self._rng = random.Random(seed)
        self.stopping = threading.Event()
        self.resting = threading.Event()
        self.released = threading.Event()
        self.answered_alerts: list[str] = []
        self.answered_incidents: list[tuple[str, str]] = []
        self.rollouts: list[Rollout] = []
        self.visits = 0
        self.failed_visits = 0
        self.stray_failures: list[str] = []
        self._is_bad_out = False
        self.late_visits: list[str] = []
        self._over: set[str] = set()
        self._threads: list[threading.Thread] = []
        self.troubles: list[BaseException] = []

    @contextlib.contextmanager
    def going_on(self) -> Iterator[None]:
        """Everybody works until the end of the block."""
        jobs = (self._report, self._declare, self._release, self._watch_routes, self._visit)
        self._threads = [threading.Thread(target=self._kept, args=(job,), daemon=True) for job in jobs]
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self.stopping.set()
            self.resting.set()
            for thread in self._threads:
                thread.join(60)

    def _kept(self, job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:
            self.troubles.append(error)
            raise

    def _client(self) -> httpx.Client:
        token = (self.server.directory / "cli-token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self._url, headers=headers, timeout=10, trust_env=False, verify=False)

    def _ask(self, client: httpx.Client, method: str, path: str, **named: Any) -> Any | None:
        """Return the answer of a 2xx, None for everything else: then nothing was promised."""
        try:
            answer = client.request(method, path, **named)
        except httpx.TransportError:
            self.stopping.wait(0.05)
            return None
        return answer.json() if answer.is_success else None

    def _insist(self, ask: Callable[[], Any | None]) -> Any | None:
        while not self.stopping.is_set():
            found = ask()
            if found is not None:
                return found
            self.stopping.wait(0.05)
        return None

    def _report(self) -> None:
        n = 0
        with self._client() as client:
            while not self.resting.wait(0.03):
                n += 1
                key = f"disk/{n - n % 3}"
                body = {"summary": f"disk {n}", "priority": "P3", "dedup_key": key, "service": "s0"}
                if self._ask(client, "POST", "/api/v1/alerts", json=body) is not None:
                    self.answered_alerts.append(key)

    def _declare(self) -> None:
        n = 0
        with self._client() as client:
            while not self.resting.wait(0.3):
                n += 1
                body = {"title": f"number {n}", "priority": ("P0", "P1")[n % 2]}
                answer = self._ask(client, "POST", "/api/v1/incidents", json=body)
                if answer is not None:
                    self.answered_incidents.append((answer["incident"]["id"], body["title"]))

    def _release(self) -> None:
        n = 0
        with self._client() as client:
            while not self.resting.is_set():
                n += 1
                self._roll_out(client, f"v{n}", is_bad=n > 1 and self._rng.random() < 0.5)
        self.released.set()

    def _roll_out(self, client: httpx.Client, version: str, *, is_bad: bool) -> None:
        digest, packed = pack(self._folder, version, error_rate=0.7 if is_bad else 0.0)
        wish = {"service": "shop", "environment": "production", "release": digest, "steps": STEPS}
        calls: list[tuple[str, str, dict[str, Any]]] = [
            ("PUT", "/api/v1/releases/artifacts", {"params": {"digest": digest}, "content": packed}),
            ("POST", "/api/v1/releases", {"json": {"service": "shop", "digest": digest}}),
        ]
        for method, path, named in calls:
            if self._insist(lambda m=method, p=path, k=named: self._ask(client, m, p, **k)) is None:
                return
        wish |= {"hotfix": True, "reason": "the night"}

        def deploy() -> Any | None:
            """A wish whose answer was lost may have been heard: the same digest is not asked for twice."""
            page = self._ask(client, "GET", "/api/v1/deployments", params={"service": "shop", "limit": 1})
            if page is None:
                return None
            if page["items"] and page["items"][0]["digest"] == digest:
                return page["items"][0]
            return self._ask(client, "POST", "/api/v1/deployments", json=wish)

        self._is_bad_out = is_bad
        started = self._insist(deploy)
        if started is None:
            return
        rollout = Rollout(started["id"], version, is_bad)
        self.rollouts.append(rollout)

        def ended() -> Any | None:
            found = self._ask(client, "GET", f"/api/v1/deployments/{rollout.id}")
            return found if found is not None and not found["is_running"] else None

        found = self._insist(ended)
        if found is not None:
            if found["state"] == "rolled-back":
                self._over.add(version)
            rollout.state = found["state"]
            self._is_bad_out = False

    def route(self) -> Route | None:
        """Return what the route file in force says of the shop, None before there is one."""
        file = self.server.directory / "envoy" / "rds" / f"127.0.0.1_{self.port}" / "routes.json"
        try:
            described = placements_in(json.loads(file.read_text())["resources"][0]).get(SHOP)
        except (OSError, ValueError, LookupError):
            return None
        if described is None or described.split is None:
            return None
        return Route(described.generation, described.is_rollback, described.split.candidate_weight)

    def _watch_routes(self) -> None:
        last: Route | None = None
        while not self.stopping.wait(0.01):
            route = self.route()
            if route is None or route == last:
                continue
            last = route
            if self.rollouts and not self.rollouts[-1].state:
                self.rollouts[-1].routes.append(route)

    def _visit(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self.stopping.wait(0.01):
            over = frozenset(self._over)
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                connection.request("GET", "/", headers={"Host": HOST})
                answer = connection.getresponse()
                version = answer.read().decode()
            except (OSError, http.client.HTTPException):
                if connection is not None:
                    connection.close()
                connection = None
                self._failed("no answer")
                continue
            if answer.status == 200:
                self.visits += 1
                if version in over:
                    self.late_visits.append(version)
            else:
                self._failed(f"{answer.status} {version[:200]}")

    def _failed(self, how: str) -> None:
        """Before the first release nobody serves, and a bad release fails some until it is rolled back."""
        if self.visits:
            self.failed_visits += 1
            if not self._is_bad_out:
                self.stray_failures.append(how)
