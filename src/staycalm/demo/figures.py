"""What the demonstration measured, beside what the SOP asks for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from staycalm.core.durations import format_duration


@dataclass(frozen=True)
class Figure:
    """One measured figure. `value` is None where nothing was measured; `target` in the same unit, or None."""

    name: str
    value: float | None
    unit: str
    target: float | None
    source: str

    @property
    def is_met(self) -> bool | None:
        if self.value is None or self.target is None:
            return None
        return self.value <= self.target

    def row(self) -> tuple[str, str, str, str]:
        """Return name, figure, target and whether it is met, in words."""
        met = {True: "yes", False: "NO", None: ""}[self.is_met]
        return self.name, _words(self.value, self.unit), _target(self), met

    def data(self) -> dict[str, Any]:
        return {**asdict(self), "is_met": self.is_met}


def _words(value: float | None, unit: str) -> str:
    if value is None:
        return "not measured"
    return format_duration(value) if unit == "s" else f"{value:.0f}"


def _target(figure: Figure) -> str:
    if figure.target is None:
        return figure.source
    return f"≤ {_words(figure.target, figure.unit)} ({figure.source})"


def figures(
    deployment: dict[str, Any],
    incident: dict[str, Any],
    *,
    shift_failures: int,
    failed: int,
    first_page_s: float | None,
) -> list[Figure]:
    """Return the table of the whole story from what the server recorded and the visitors saw."""
    measured = incident["figures"]
    return [
        Figure(
            "failed requests due to the healthy release", shift_failures, "requests", 0, "SOP §3.1 zero downtime"
        ),
        Figure("detection: first bad answer → decision", deployment["detected_after_s"], "s", 300, "SOP MTTD"),
        Figure("rollback: decision → 100 % stable", deployment["rollback_took_s"], "s", 5, "SOP §3.2"),
        Figure("failed requests the bad release caused", failed, "requests", None, "as few as can be proven"),
        Figure("time to first page: decision → mail accepted", first_page_s, "s", 60, "SOP §4.3 immediately"),
        Figure("time to acknowledge", measured["acknowledge_s"], "s", 900, "SOP on-call"),
        Figure("MTTR: impact → users served again", measured["recover_s"], "s", 3600, "SOP MTTR"),
    ]
