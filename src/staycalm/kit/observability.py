"""StayCalm about itself: counters and gauges in the Prometheus text format."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Observability:
    """The figures `/metrics` shows. One per process; nothing global, so that tests do not share it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "staycalm_http_requests_total", "Answered requests.", ["method", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "staycalm_http_request_seconds",
            "Time to answer.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=self.registry,
        )
        self.events = Counter(
            "staycalm_events_total", "Events committed by this process.", ["name"], registry=self.registry
        )
        self.engine_age = Gauge(
            "staycalm_engine_last_turn_age_seconds", "Time since the engine last looked.", registry=self.registry
        )
        self.oldest_due = Gauge(
            "staycalm_oldest_due_age_seconds", "How late the most overdue row is; 0 when none is.",
            ["part"], registry=self.registry,
        )  # fmt: skip
        self.live_pages = Gauge("staycalm_live_pages", "Open live pages.", registry=self.registry)

    def text(self) -> bytes:
        """Return the exposition."""
        return generate_latest(self.registry)


class Observed:
    """Every answer is counted, with the time to its head. Plain ASGI: the wrapper that Starlette offers for
    this costs more than most requests."""

    def __init__(self, app: ASGIApp, *, figures: Observability, monotonic: Callable[[], float]) -> None:
        self._app = app
        self._figures = figures
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = self._monotonic()

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._figures.requests.labels(scope["method"], str(message["status"])).inc()
                self._figures.request_seconds.observe(self._monotonic() - started)
            await send(message)

        await self._app(scope, receive, send_counted)
