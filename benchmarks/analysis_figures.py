"""The analysis in simulation, as figures: `python benchmarks --only analysis_figures`, details in analysis.py."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from analysis import goals
from report import Figure, Options

FULL_ROLLOUTS, QUICK_ROLLOUTS = 4000, 200


def measured(options: Options) -> tuple[list[Figure], Any]:
    rollouts = QUICK_ROLLOUTS if options.is_quick else FULL_ROLLOUTS
    with tempfile.TemporaryDirectory(prefix="sc-bench-") as folder:
        file = Path(folder) / "analysis.json"
        program = str(Path(__file__).parent / "analysis.py")
        quick = ["--quick"] if options.is_quick else []
        subprocess.run(
            [sys.executable, program, *quick, "--rollouts", str(rollouts), "--json", str(file)],
            stdout=sys.stderr, check=False,
        )  # fmt: skip
        raw = json.loads(file.read_text(encoding="utf-8"))
    rows = raw["rows"]
    return [*_goals(rows), *_beside_peers(rows), *_missed_at_low_traffic(rows)], raw


def _goals(rows: list[dict[str, Any]]) -> list[Figure]:
    found = []
    for text, shown, is_met in goals(rows):
        what, _, goal = text.rpartition("<=")
        value, unit = shown.split(" ", 1)
        figure = Figure(f"analysis: {what.strip()}", float(value), unit, float(goal.split()[0]))
        # The goals are checked on exact values, the table shows rounded ones.
        assert figure.is_met == is_met or abs(figure.ours - (figure.goal or 0)) < 0.5, (text, shown)
        found.append(figure)
    return found


def _beside_peers(rows: list[dict[str, Any]]) -> list[Figure]:
    healthy = [row for row in rows if row["case"].startswith("healthy") and "fixed_rolled_back" in row]
    if not healthy:
        return []
    ours = 100 * max(row["rolled_back"] for row in healthy)
    what = "analysis: worst false rollbacks"
    return [
        Figure(
            what,
            ours,
            "%",
            peer=100 * max(row[key] for row in healthy),
            peer_name=name,
        )
        for key, name in (("fixed_rolled_back", "fixed threshold"), ("ranked_rolled_back", "Mann-Whitney"))
    ]


def _missed_at_low_traffic(rows: list[dict[str, Any]]) -> list[Figure]:
    found = []
    for row in rows:
        if row["case"].startswith("+1 pp") and row["rps"] < 50 and row.get("announced") is not None:
            what = f"analysis: missed at +1 pp, {row['rps']:g} rps, base {100 * row['base']:g} %"
            missed, announced = 100 * (1 - row["rolled_back"]), 100 * (1 - row["announced"])
            found.append(Figure(what, missed, "%", peer=announced, peer_name="plan announces"))
    return found
