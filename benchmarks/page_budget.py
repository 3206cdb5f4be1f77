"""How large a page is on the wire, how soon it can be used, and how soon it answers a key, in Chromium.

`python benchmarks/page_budget.py [--rounds 5] [--services 200] [--json FILE]`

A real server with a few hours of history and many services; a fresh browser context for every load, so nothing
is cached. *Usable* is the end of DOMContentLoaded: deferred scripts have run, every key and button works. *Key to
paint* is from Ctrl K to the second frame after it, with the palette shown. The median of the rounds is told.
Goals: 150 kB, 500 ms, 100 ms.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, StorageState, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.browser.conftest import ARGUMENTS, CHROMIUM, sign_in
from tests.browser.server import serving
from tests.browser.story import tell
from tests.domains.deployments.world import shop_config

from staycalm.core.placement import Placement
from staycalm.domains.catalog import model as catalog
from staycalm.domains.catalog.queries import body_of
from staycalm.kit.database import Tx

PAGES = (
    "/",
    "/?wall",
    "/deployments",
    "/deployments/DEP-6",
    "/alerts",
    "/incidents",
    "/incidents/INC-1",
    "/oncall",
)
GOALS = {"kB": 150.0, "usable_ms": 500.0, "key_ms": 100.0}
USABLE = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
KEY_TO_PAINT = """() => new Promise((done) => {
  if (!document.querySelector("[data-palette]")) { done(null); return; }
  const began = performance.now();
  document.dispatchEvent(new KeyboardEvent("keydown", {key: "k", ctrlKey: true, bubbles: true}));
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
})"""


@dataclass(frozen=True)
class Load:
    """One page opened once with nothing cached."""

    kB: float
    usable_ms: float
    key_ms: float | None


def declare_many(tx: Tx, many: int) -> None:
    for n in range(many):
        config = shop_config(placement=Placement(f"bulk-{n:03}", "production"))
        values = {"service": config.service, "environment": config.environment, "config": body_of(config)}
        tx.execute(catalog.placements.insert().values(**values))


def load(browser: Browser, state: StorageState, url: str) -> Load:
    context = browser.new_context(storage_state=state, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    sizes: list[float] = []
    wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(url, wait_until="load")
    usable, key = page.evaluate(USABLE), page.evaluate(KEY_TO_PAINT)
    context.close()
    return Load(sum(sizes) / 1000, usable, key)


def median(loads: Sequence[Load], name: str) -> float | None:
    known = [value for each in loads if (value := getattr(each, name)) is not None]
    return round(statistics.median(known), 1) if known else None


def measured(browser: Browser, url: str, rounds: int) -> Iterator[dict[str, Any]]:
    first = browser.new_context()
    sign_in(first.new_page(), url)
    state = first.storage_state()
    first.close()
    for path in PAGES:
        loads = [load(browser, state, url + path) for _ in range(rounds)]
        yield {
            "page": path,
            **{name: median(loads, name) for name in GOALS},
            "rounds": [asdict(each) for each in loads],
        }


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--services", type=int, default=200)
    asked.add_argument("--json", type=Path)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tell(f"sqlite:///{Path(folder) / 'staycalm.db'}").database.close()
        with serving(Path(folder)) as server, sync_playwright() as playwright:
            server.write(declare_many, options.services)
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
            rows = list(measured(browser, server.url, options.rounds))
            browser.close()
    print(f"{'page':24}" + "".join(f"{name + f' (<= {goal:g})':>24}" for name, goal in GOALS.items()))
    for row in rows:
        cells = (f"{row[name]:>24}" if row[name] is not None else f"{'-':>24}" for name in GOALS)
        print(f"{row['page']:24}" + "".join(cells))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
