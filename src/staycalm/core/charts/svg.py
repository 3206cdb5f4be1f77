"""A chart as a file that stands alone: own colours, light ground, title and axes; no script, no style sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from staycalm.core.charts.geometry import HEIGHT, WIDTH, Chart, Line, Panel
from staycalm.core.text import one_line

PICTURE_WIDTH = 960
LEFT, RIGHT, PLOT, GAP, HEAD = 84, 28, 150, 64, 86
INNER = PICTURE_WIDTH - LEFT - RIGHT
GROUND, TEXT, MUTED, GRID = "#ffffff", "#18211e", "#5b6763", "#dcdfda"
COLOURS = {
    "stable": "#2f6fb3", "candidate": "#c26a12", "errors": "#b3261e", "latency": "#1f5fa8", "counts": "#0e7c6b",
    "traffic": "#0e7c6b", "plan": "#5b6763", "fill": "#8f6bc4", "median": "#1f5fa8",
    "stable-median": "#2f6fb3", "candidate-median": "#c26a12",
}  # fmt: skip
TONES = {"bad": "#b3261e", "warn": "#8a5a00", "ok": "#17754a", "busy": "#1f5fa8"}
FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif"
TITLE_LIMIT = 100
_SMALL = f'font-size="12" fill="{MUTED}"'
# Not characters of XML 1.0 (section 2.2), whatever is escaped.
_NEVER = {0xFFFE: " ", 0xFFFF: " "}


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a panel's box stands in the picture."""

    top: float

    def x(self, at: float) -> float:
        return round(LEFT + INNER * at / WIDTH, 1)

    def y(self, at: float) -> float:
        return round(self.top + PLOT * at / HEIGHT, 1)


def render(chart: Chart, *, title: str, subtitle: str = "") -> str:
    """Return a well-formed SVG document of the chart."""
    shown = list(chart.panels)
    legend = chart.marks[-12:]
    height = HEAD + len(shown) * (PLOT + GAP) + (26 + 18 * len(legend) if legend else 0) + 16
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{PICTURE_WIDTH}" height="{height}" '
        f'viewBox="0 0 {PICTURE_WIDTH} {height}" font-family={quoteattr(FONT)} role="img" '
        f"aria-label={quoteattr(one_line(title, TITLE_LIMIT))}>",
        f"<title>{_text(title)}</title>",
        f'<rect width="{PICTURE_WIDTH}" height="{height}" fill="{GROUND}"/>',
        f'<text x="24" y="36" font-size="20" font-weight="600" fill="{TEXT}">{_text(title)}</text>',
        f'<text x="24" y="58" font-size="13" fill="{MUTED}">{_text(subtitle or _span(chart), 150)}</text>',
    ]
    for number, panel in enumerate(shown):
        parts += _panel(chart, panel, _Frame(HEAD + 26 + number * (PLOT + GAP)))
    parts += _legend(chart, HEAD + 34 + len(shown) * (PLOT + GAP))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _span(chart: Chart) -> str:
    start, end = (datetime.fromtimestamp(at, UTC) for at in (chart.start_s, chart.end_s))
    return f"{start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC"


def _text(text: str, limit: int = TITLE_LIMIT) -> str:
    return escape(one_line(text, limit).translate(_NEVER))


def _panel(chart: Chart, panel: Panel, frame: _Frame) -> Iterator[str]:
    yield (
        f'<text x="{LEFT}" y="{frame.top - 12}" font-size="14" font-weight="600" '
        f'fill="{TEXT}">{_text(panel.title)}</text>'
    )
    yield from _keys(panel, frame)
    for level in panel.ticks:
        y = frame.y(level.y)
        yield f'<path d="M{LEFT} {y}H{LEFT + INNER}" stroke="{GRID}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end" {_SMALL}>{_text(level.label)}</text>'
    for tick in chart.ticks:
        x = frame.x(WIDTH * tick.at)
        yield f'<path d="M{x} {frame.y(100)}v5" stroke="{MUTED}"/>'
        yield f'<text x="{x}" y="{frame.y(100) + 19}" text-anchor="middle" {_SMALL}>{_text(tick.label)}</text>'
    for placed in chart.marks:
        x, colour = frame.x(placed.x), TONES.get(placed.mark.tone, MUTED)
        yield f'<path d="M{x} {frame.y(0)}V{frame.y(100)}" stroke="{colour}" stroke-dasharray="2 3"/>'
    place = f'transform="translate({LEFT} {frame.top}) scale({INNER / WIDTH:.4f} {PLOT / HEIGHT:.4f})"'
    yield f"<g {place}>"
    for line in panel.lines:
        yield from _line(line)
    for level in panel.levels:
        yield _path(f"M0 {level.y}H{WIDTH:g}", TONES["bad"], 'stroke-width="1.5" stroke-dasharray="6 4"')
    yield "</g>"
    lowest = max((level.y for level in panel.levels), default=0.0)
    for level in panel.levels:
        # Of two levels close together, the lower one has its words below.
        down = 14 if len(panel.levels) > 1 and level.y == lowest else -5
        yield (
            f'<text x="{LEFT + 6}" y="{frame.y(level.y) + down}" font-size="11" '
            f'fill="{TONES["bad"]}">{_text(level.label)}</text>'
        )


def _keys(panel: Panel, frame: _Frame) -> Iterator[str]:
    """Write what each line is from right to left, about seven pixels a letter."""
    right = float(LEFT + INNER)
    for line in reversed([line for line in panel.lines if not line.is_plan]):
        words = one_line(f"{line.label} {line.last}", 60)
        yield (
            f'<text x="{right}" y="{frame.top - 12}" font-size="12" text-anchor="end" '
            f'fill="{TEXT}">{escape(words)}</text>'
        )
        right -= 6.3 * len(words) + 8
        colour = COLOURS.get(line.role, MUTED)
        dots = ' stroke-dasharray="3 3"' if line.role.endswith("median") else ""
        yield f'<path d="M{right - 16} {frame.top - 16}h16" stroke="{colour}" stroke-width="3"{dots}/>'
        right -= 34


def _line(line: Line) -> Iterator[str]:
    colour = COLOURS.get(line.role, MUTED)
    for path, opacity in ((line.area, 0.14), (line.band, 0.2)):
        if path:
            yield f'<path d="{path}" fill="{colour}" fill-opacity="{opacity}"/>'
    dashes = 'stroke-width="2"'
    if line.is_plan or line.role.endswith("median"):
        dashes = f'stroke-width="1.5" stroke-dasharray="{"3 5" if line.is_plan else "1 4"}"'
    yield _path(line.path, MUTED if line.is_plan else colour, dashes)


def _path(path: str, colour: str, more: str) -> str:
    kept = 'stroke-linecap="round" stroke-linejoin="round" vector-effect="non-scaling-stroke"'
    return f'<path d="{path}" fill="none" stroke="{colour}" {kept} {more}/>'


def _legend(chart: Chart, top: float) -> Iterator[str]:
    for n, placed in enumerate(chart.marks[-12:]):
        at = datetime.fromtimestamp(placed.mark.at_s, UTC)
        colour = TONES.get(placed.mark.tone, MUTED)
        y = top + 18 * n
        yield f'<path d="M{LEFT} {y - 4}h14" stroke="{colour}" stroke-width="2" stroke-dasharray="2 3"/>'
        words = f"{at:%H:%M:%S} {_text(placed.mark.words)}"
        yield f'<text x="{LEFT + 22}" y="{y}" font-size="12" fill="{TEXT}">{words}</text>'
