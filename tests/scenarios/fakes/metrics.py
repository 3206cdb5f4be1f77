"""A metric source that knows what the test says. Strict about what it is asked; never suspends."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime

from staycalm.kit.clock import Clock
from staycalm.ports.metrics import Reading

_UNFILLED = re.compile(r"\{(service|environment|slot|revision|seconds)\}")


class FakeMetrics:
    """Expressions have the value they were given; what it was never told of has no data."""

    def __init__(self, clock: Clock, name: str = "prometheus") -> None:
        self.name = name
        self.asked: Counter[str] = Counter()
        self._clock = clock
        self._values: dict[str, float] = {}
        self._trouble: list[str] = []
        self._is_away = False

    def set(self, expression: str, value: float | None) -> None:
        """From now on the expression has this value; None: no data."""
        if value is None:
            self._values.pop(expression, None)
        else:
            self._values[expression] = value

    def fail(self, detail: str = "query timed out", *, times: int = 1) -> None:
        """The next `times` queries end in this error."""
        self._trouble += [detail] * times

    def go_away(self) -> None:
        """From now on every query ends in an error."""
        self._is_away = True

    def come_back(self) -> None:
        """From now on queries are answered again."""
        self._is_away = False

    async def query(self, expression: str, *, at: datetime, timeout_s: float = 5.0) -> Reading:
        """Return the value, no data, or the error that was arranged."""
        assert at.tzinfo is not None, "an instant is aware"
        assert at <= self._clock.now(), "nobody knows the future"
        assert timeout_s > 0
        assert expression.strip(), "an expression is not empty"
        assert not _UNFILLED.search(expression), f"a placeholder is left in {expression}"
        self.asked[expression] += 1
        if self._is_away:
            return Reading("error", detail="Prometheus cannot be reached (connection refused)")
        if self._trouble:
            return Reading("error", detail=self._trouble.pop(0))
        if expression not in self._values:
            return Reading("no_data", detail="the expression matches no series")
        return Reading("value", value=self._values[expression], sample_count=1)
