"""All benchmarks with one command: one table of what was measured, beside peers and goals.

`python benchmarks [--quick] [--only NAME ...] [--runs 3] [--soak-minutes N] [--keep FOLDER]`

Names: see below. `--quick` makes all of it short (about a quarter of an hour, no soak unless asked for by name);
the figures in docs/reference/figures.md say how they were made. A benchmark that fails is a row that says so.
PostgreSQL is started for the run, with fsync on, where it is installed.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import time
import traceback
from pathlib import Path

from postgres import postgres
from report import Figure, Options, keep, show

NAMES = (
    "shift_latency", "command_latency", "rollback_time", "proxy_killed", "analysis_figures", "due_rows",
    "page_latency", "intake", "takeover", "pages", "live_browsers", "start_up", "server_start", "soak",
)  # fmt: skip
LONG = ("soak",)


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--runs", type=int, help="how often each is measured; medians are told (3, quick: 1)")
    parser.add_argument("--soak-minutes", type=float, help="60, quick: 4")
    kept = "folder for the raw data, one JSON file per benchmark, and all.json with every figure (%(default)s)"
    parser.add_argument("--keep", type=Path, default=Path("figures"), help=kept)
    return parser.parse_args()


def stop(*_: object) -> None:
    """End as on Ctrl C: servers and databases are ended, too."""
    raise KeyboardInterrupt


def main() -> int:
    """Run what was asked for; return 1 when a goal was missed or a benchmark failed."""
    signal.signal(signal.SIGTERM, stop)
    wanted = asked()
    names = wanted.only or [name for name in NAMES if not (wanted.quick and name in LONG)]
    wanted.keep.mkdir(parents=True, exist_ok=True)
    found: list[Figure] = []
    failed: list[str] = []
    with postgres() as url:
        options = Options(
            is_quick=wanted.quick,
            runs=wanted.runs or (1 if wanted.quick else 3),
            postgres=url,
            soak_minutes=wanted.soak_minutes or (4.0 if wanted.quick else 60.0),
        )
        for name in names:
            began = time.monotonic()
            print(f"{name} ...", file=sys.stderr, flush=True)
            try:
                figures, raw = importlib.import_module(name).measured(options)
            except (Exception, SystemExit):  # noqa: BLE001 - the other figures are wanted all the same
                traceback.print_exc()
                failed.append(name)
                continue
            found += figures
            keep(wanted.keep / f"{name}.json", figures, raw)
            print(f"{name} took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    keep(wanted.keep / "all.json", found, {"runs": options.runs, "is_quick": options.is_quick})
    show(found)
    for name in failed:
        print(f"{name}: FAILED, see above")
    return 1 if failed or any(figure.is_met is False for figure in found) else 0


if __name__ == "__main__":
    sys.exit(main())
