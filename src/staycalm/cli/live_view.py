"""The live area of a rollout: traffic, both error rates, evidence against its threshold, steps ahead."""

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
from staycalm.cli.follow import Deployment, note

NAMES = {"errors": "errors", "latency-p50": "over p50", "latency-p95": "over p95"}
BAR = 28
MARKS = {"done": "✓", "now": "▶", "ahead": "·"}


def draw_until_ended(look: Callable[[], Deployment], every_s: float) -> Deployment:
    """Redraw one area until the deployment has ended; its last picture stays. Returns the deployment then."""
    console = Console(no_color=not output.has_colours(), highlight=False)
    now = look()
    with Live(picture(now, console.width), console=console, auto_refresh=False, vertical_overflow="crop") as area:
        while now["is_running"]:
            time.sleep(every_s)
            now = look()
            area.update(picture(now, console.width), refresh=True)
    return now


def picture(d: Deployment, width: int) -> Group:
    """Return the area for a terminal of `width` columns."""
    head = Text.assemble(
        (f"{d['id']} ", "bold"), f"{d['service']} → {d['environment']}  {d['release']}  ", _state(d), no_wrap=True
    )
    parts: list[Any] = [head, _traffic(d, width)]
    evidence = d.get("evidence") or {}
    metrics = evidence.get("metrics") or []
    if metrics and d["state"] in ("shifting", "verifying", "rolling-back", "rolled-back"):
        parts.append(_metrics(metrics, width))
        parts.append(Text(_seen(evidence), "dim", overflow="ellipsis", no_wrap=True))
    if d["steps"] and d["is_running"]:
        parts.append(_steps(d))
    words = note(d)
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
    size = max(10, min(50, width - 34))
    weight = d["weight"] or 0.0
    filled = round(weight / 100 * size)
    return Text.assemble(
        "stable ",
        ("█" * (size - filled), "blue"),
        ("█" * filled, "green"),
        f" candidate {weight:.0f} %",
        no_wrap=True,
    )


def _metrics(metrics: list[dict[str, Any]], width: int) -> Table:
    drawn = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for heading in ("", "stable", "candidate", "evidence that it is worse"):
        drawn.add_column(heading, no_wrap=True)
    size = max(6, min(BAR, width - 50))
    for each in metrics:
        share = max(0.0, min(1.0, each["evidence"] / each["needed"])) if each["needed"] else 0.0
        filled = round(share * size)
        colour = "red" if each["is_proven"] else "yellow" if share > 0.5 else "green"
        words = "proven" if each["is_proven"] else f"{share * 100:.0f} % of proof"
        drawn.add_row(
            NAMES.get(each["name"], each["name"]),
            output.percent(each["stable_rate"]),
            output.percent(each["candidate_rate"]),
            Text.assemble(("━" * filled, colour), ("─" * (size - filled), "dim"), f" {words}"),
        )
    return drawn


def _steps(d: Deployment) -> Text:
    steps = Text("steps  ", no_wrap=True, overflow="ellipsis")
    for step in d["steps"]:
        style = {"done": "dim", "now": "bold", "ahead": "default"}[step["state"]]
        steps.append(f"{MARKS[step['state']]} {step['weight']:.0f} %  ", style)
    if d["step_ends_at"]:
        left_s = (datetime.fromisoformat(d["step_ends_at"]) - datetime.now(UTC)).total_seconds()
        steps.append(
            f"next in {output.span(left_s)}" if left_s > 0 else "next when there is enough evidence", "dim"
        )
    return steps
