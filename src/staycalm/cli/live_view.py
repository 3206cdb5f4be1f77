"""The live area of a rollout: traffic, both sides with their uncertainty, the evidence, and what comes next."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from staycalm.cli import output
from staycalm.cli.busy import drawing
from staycalm.cli.follow import Deployment, note
from staycalm.cli.measure import harmless
from staycalm.cli.spark import split_bar

NAMES = {"errors": "errors", "latency-p50": "over p50", "latency-p95": "over p95"}
BAR = 28
WIDEST_SPLIT = 60
MARKS = {"done": "✓", "now": "▶", "ahead": "·"}
COMPARED = ("shifting", "verifying", "rolling-back", "rolled-back", "completed", "aborted")
# Below this width the interval has no room beside the two rates.
ROOMY = 90


def draw_until_ended(look: Callable[[], Deployment], every_s: float) -> Deployment:
    """Redraw one area until the deployment has ended; its last picture stays. Returns the deployment then."""
    console = Console(no_color=not output.has_colours(), highlight=False)
    now = look()
    shown = Live(picture(now, console.width), console=console, auto_refresh=False, vertical_overflow="crop")
    with drawing(), shown as area:
        while now["is_running"]:
            time.sleep(every_s)
            now = look()
            area.update(picture(now, console.width), refresh=True)
    return now


def picture(d: Deployment, width: int, now: datetime | None = None) -> Group:
    """Return the area for a terminal of `width` columns, as of `now` (default: now)."""
    name = harmless(f"{d['service']} → {d['environment']}  {d['release']}")
    head = Text.assemble((f"{d['id']} ", "bold"), f"{name}  ", _state(d), no_wrap=True, overflow="ellipsis")
    parts: list[Any] = [head, _traffic(d, width)]
    evidence = d.get("evidence") or {}
    metrics = evidence.get("metrics") or []
    if metrics and d["state"] in COMPARED:
        parts.append(_metrics(metrics, width))
        parts.append(Text(_seen(evidence), "dim", overflow="ellipsis", no_wrap=True))
    if d["steps"] and d["is_running"]:
        parts.append(_steps(d))
        parts.append(Text(_next(d, now or datetime.now(UTC)), "dim", overflow="ellipsis", no_wrap=True))
    words = harmless(note(d))
    if words:
        parts.append(Text(words, _tone(d)))
    return Group(*parts)


def _seen(evidence: dict[str, Any]) -> str:
    stable, candidate, failed = (evidence[f"{name}_requests"] for name in ("stable", "candidate", "failed"))
    return f"{stable:,} requests to stable, {candidate:,} to the candidate, {failed:,} failed there"


def _state(d: Deployment) -> tuple[str, str]:
    word = "held" if d["is_held"] else "paused" if d["is_paused"] else d["state"]
    return word, output.TONES.get(word, "default")


def _tone(d: Deployment) -> str:
    return (
        output.TONES.get(d["state"], "default") if not d["is_running"] else "yellow" if d["is_held"] else "default"
    )


def _traffic(d: Deployment, width: int) -> Text:
    weight = d["weight"] or 0.0
    before, after = f"stable {100 - weight:.0f} % ", f" {weight:.0f} % candidate"
    size = max(10, min(WIDEST_SPLIT, width - len(before) - len(after)))
    stable, candidate = split_bar(weight, size)
    return Text.assemble(before, (stable, "blue"), (candidate, "green"), after, no_wrap=True)


def _metrics(metrics: list[dict[str, Any]], width: int) -> Table:
    """One row a metric: both rates, their difference with its interval, and how near proof is."""
    is_roomy = width >= ROOMY
    drawn = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    drawn.add_column("", no_wrap=True)
    for heading in ("stable", "candidate", *(["difference"] if is_roomy else [])):
        drawn.add_column(heading, no_wrap=True, justify="right")
    drawn.add_column("evidence that it is worse" if is_roomy else "evidence", no_wrap=True)
    size = max(6, min(BAR, width - (76 if is_roomy else 50)))
    for each in metrics:
        share = max(0.0, min(1.0, each["evidence"] / each["needed"])) if each["needed"] else 0.0
        filled = round(share * size)
        colour = "red" if each["is_proven"] else "yellow" if share > 0.5 else "green"
        words = "proven" if each["is_proven"] else f"{share * 100:.0f} % of proof"
        difference = [_difference(each)] if is_roomy else []
        drawn.add_row(
            NAMES.get(each["name"], harmless(each["name"], 20)),
            output.percent(each["stable_rate"]),
            output.percent(each["candidate_rate"]),
            *difference,
            Text.assemble(("━" * filled, colour), ("─" * (size - filled), "dim"), f" {words}"),
        )
    return drawn


def _difference(metric: dict[str, Any]) -> str:
    """Return the difference in percentage points, and its confidence interval."""
    middle, low, high = (metric.get(name) for name in ("difference", "low", "high"))
    if middle is None or low is None or high is None:
        return ""
    return f"{middle * 100:+.1f} pp ({low * 100:+.1f} to {high * 100:+.1f})"


def _steps(d: Deployment) -> Text:
    steps = Text("steps  ", no_wrap=True, overflow="ellipsis")
    for step in d["steps"]:
        style = {"done": "dim", "now": "bold", "ahead": "default"}[step["state"]]
        steps.append(f"{MARKS[step['state']]} {step['weight']:.0f} %  ", style)
    return steps


def _next(d: Deployment, now: datetime) -> str:
    """Return what happens next if nobody does anything, and how fast this step would find a bad release."""
    if d["is_held"] or d["is_paused"]:
        return f"next   nothing until `sc ops resume {d['id']}`; a bad release is rolled back all the same"
    told = []
    ahead = next((step for step in d["steps"] if step["state"] == "ahead"), None)
    wish = f"{ahead['weight']:.0f} %" if ahead is not None else "all traffic"
    if d["step_ends_at"]:
        left_s = (datetime.fromisoformat(d["step_ends_at"]) - now).total_seconds()
        told.append(f"{wish} in {output.span(left_s)}" if left_s > 0 else f"{wish} once there is enough evidence")
    present = next((step for step in d["steps"] if step["state"] == "now"), None)
    if present is not None and present.get("detection_s") is not None:
        told.append(f"a bad release would show in {output.span(present['detection_s'])}")
    return f"next   {'; '.join(told)}" if told else ""
