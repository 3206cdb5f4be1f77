"""Asking a metrics back-end for a number. No data is an answer of its own, never "healthy"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Reading:
    """The answer to one query. `value` is set exactly when `kind` is "value"."""

    kind: Literal["value", "no_data", "error"]
    value: float | None = None
    sample_count: int = 0
    freshness_s: float | None = None
    detail: str = ""


class MetricSource(Protocol):
    """A back-end that evaluates an expression at an instant."""

    name: str

    async def query(self, expression: str, *, at: datetime, timeout_s: float = 5.0) -> Reading:
        """Return one number, no data, or the error in words; never raises for a bad answer."""
        ...


class InstanceCounters(Protocol):
    """Reads a counter from running instances themselves (Prometheus text format)."""

    async def read(
        self, endpoints: tuple[tuple[str, int], ...], *, path: str, counter: str, timeout_s: float = 2.0
    ) -> Reading:
        """Return the counter's sum over labels and over (host, port) instances; no data when none has it."""
        ...
