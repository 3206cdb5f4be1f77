"""Durations as people write them: `90s`, `10m`, `1h30m`, `2d`, `1w`."""

from __future__ import annotations

import re

from staycalm.core.errors import Invalid

_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
LONGEST_S = 100 * 366 * 86400.0
# Nobody writes a longer one, and looking for parts in a long run of digits takes quadratic time.
_LONGEST_TEXT = 40


def parse_duration(text: str | int | float) -> float:
    """Return seconds from 0 to a hundred years; a bare number is seconds. Raises Invalid on anything else."""
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        return _in_range(text)
    raw = str(text).strip().lower()
    is_short = len(raw) <= _LONGEST_TEXT
    if is_short and re.fullmatch(r"\d+(\.\d+)?", raw):
        return _in_range(float(raw))
    parts = _PART.findall(raw) if is_short else []
    if not parts or "".join(n + u for n, u in parts) != raw:
        raise Invalid(
            "bad-duration", f"{raw[:_LONGEST_TEXT]!r} is not a duration",
            next_step="Write it like 90s, 10m, 1h30m or 2d.",
        )  # fmt: skip
    return _in_range(sum(float(number) * _UNITS_S[unit] for number, unit in parts))


def _in_range(seconds: float) -> float:
    if seconds < 0:
        raise Invalid("bad-duration", f"a duration cannot be negative: {seconds:g}")
    if not seconds <= LONGEST_S:
        raise Invalid("bad-duration", "a duration lasts at most a hundred years")
    return float(seconds)


def format_duration(seconds: float) -> str:
    """Return the two largest units, e.g. `1h 30m`, `4m 10s`, `1.8s`, `120ms`; exact enough to read aloud."""
    if seconds < 0:
        return "-" + format_duration(-seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 60:
        return f"{seconds:.1f}s".replace(".0s", "s")
    whole = round(seconds)
    parts: list[tuple[int, str]] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        amount, whole = divmod(whole, size)
        if amount or parts:
            parts.append((amount, unit))
    return " ".join(f"{amount}{unit}" for amount, unit in parts[:2] if amount)
