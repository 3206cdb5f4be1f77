"""Small pictures made of letters: a curve in a few columns, the share of the candidate as a bar."""

from __future__ import annotations

from collections.abc import Sequence

LEVELS = "▁▂▃▄▅▆▇█"
# What is level is drawn below the top: there is room to rise.
HEADROOM = 1.2
STABLE, CANDIDATE = "░", "█"


def sparkline(points: Sequence[float | None], size: int, *, least_top: float = 0.0) -> str:
    """Return the curve in `size` columns, from 0 to its highest point; a blank is a gap, never zero.

    `least_top` is the smallest scale, so that noise close to nothing is not drawn as mountains.
    """
    thinned = _thin(points, size)
    known = [each for each in thinned if each is not None]
    if not known:
        return ""
    top = max(max(known) * HEADROOM, least_top) or 1.0
    last = len(LEVELS) - 1
    drawn = (" " if each is None else LEVELS[min(last, max(0, round(each / top * last)))] for each in thinned)
    return "".join(drawn).rjust(size)


def _thin(points: Sequence[float | None], size: int) -> list[float | None]:
    """Return at most `size` values, each the mean of its share of the points; None where nothing is known."""
    if len(points) <= size:
        return list(points)
    found: list[float | None] = []
    for n in range(size):
        share = points[n * len(points) // size : (n + 1) * len(points) // size]
        known = [each for each in share if each is not None]
        found.append(sum(known) / len(known) if known else None)
    return found


def split_bar(weight: float | None, size: int) -> tuple[str, str]:
    """Return the columns of stable and those of the candidate; a candidate with traffic has at least one."""
    share = min(100.0, max(0.0, weight or 0.0))
    filled = round(share / 100 * size)
    if 0 < share < 100:
        filled = min(size - 1, max(1, filled))
    return STABLE * (size - filled), CANDIDATE * filled
