"""How every benchmark tells what it found: figures beside a peer and a goal, and the raw data as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Options:
    """How thoroughly to measure. `postgres`: URL of a server on which databases may be made, if any."""

    is_quick: bool = False
    runs: int = 3
    postgres: str | None = None
    soak_minutes: float = 60.0


@dataclass(frozen=True)
class Figure:
    """One measured number.

    `goal` is a limit: not more than it, or, when `is_rate`, not less. `peer` is measured in the same run, in the
    same unit, on another program or on the machine alone (`peer_name` says which).
    """

    what: str
    ours: float
    unit: str
    goal: float | None = None
    is_rate: bool = False
    peer: float | None = None
    peer_name: str = ""

    @property
    def is_met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.ours >= self.goal if self.is_rate else self.ours <= self.goal

    @property
    def ratio(self) -> float | None:
        return None if not self.peer or math.isnan(self.peer) else self.ours / self.peer


COLUMNS = ("what", "peer or floor", "ours", "ratio", "goal", "met?")


def number(value: float) -> str:
    if value == 0 or math.isnan(value):
        return f"{value:g}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cells(figure: Figure) -> tuple[str, ...]:
    peer = "" if figure.peer is None else f"{figure.peer_name} {number(figure.peer)}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    sign = "≥" if figure.is_rate else "≤"
    goal = "" if figure.goal is None else f"{sign} {number(figure.goal)}"
    met = {None: "", True: "yes", False: "NO"}[figure.is_met]
    return figure.what, peer, f"{number(figure.ours)} {figure.unit}", ratio, goal, met


def show(figures: Sequence[Figure]) -> None:
    """The figures stand as one table on standard output."""
    rows = [COLUMNS, *(cells(each) for each in figures)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS))]
    for nth, row in enumerate(rows):
        first, *rest = row
        print("  ".join([first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(rest, widths[1:], strict=True))]))
        if nth == 0:
            print("  ".join("-" * width for width in widths))


def keep(file: Path, figures: Sequence[Figure], raw: Any) -> None:
    """The figures and what they were made from are in the file."""
    found = [asdict(each) | {"ratio": each.ratio, "is_met": each.is_met} for each in figures]
    file.write_text(json.dumps({"figures": found, "raw": raw}, indent=1), encoding="utf-8")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that the given share (0-1) of the values does not exceed; not a number for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else math.nan
