"""`./dev screenshots`: every picture in the documents, and a contact sheet of all pages, from a real server.

A new page without parameters is found by itself. One with parameters needs a line in `EXAMPLES`; a picture in a
document needs one in `PICTURES`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi.routing import APIRoute
from playwright.sync_api import Browser, sync_playwright

from staycalm.app.assembly import routes
from staycalm.core.actor import Actor
from staycalm.domains.accounts import service as accounts
from staycalm.domains.alerts.muting import service as muting
from staycalm.domains.incidents.postmortem import actions as action_items
from staycalm.domains.incidents.postmortem import service as post_mortem
from staycalm.domains.monitoring.sampling.model import minutes
from staycalm.domains.oncall.notifications.service import make_link
from staycalm.domains.oncall.public import find_open_escalation
from staycalm.kit.database import Tx
from tests.browser.conftest import ARGUMENTS, CHROMIUM, WAIT_MS, sign_in
from tests.browser.server import Server, serving
from tests.browser.sheets import save_picture, save_sheet
from tests.browser.story import SETTINGS, tell

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
PAGE = ROOT / "docs" / "reference" / "contact-sheet.md"
WIDE, NARROW = (1440, 900), (390, 844)

# What stands for each page with parameters; {key} is filled from what `_prepare` returns.
EXAMPLES: dict[str, tuple[str, ...]] = {
    "/set-up/{code}": ("/set-up/used-already",),
    "/invitation/{code}": ("/invitation/{invitation}",),
    "/ack/{token}": ("/ack/{ack}",),
    "/digest/stop/{token}": ("/digest/stop/{digest}",),
    "/deployments/{name}": ("/deployments/{running}", "/deployments/{rolled_back}"),
    "/incidents/{name}": ("/incidents/INC-1",),
    "/incidents/{name}/post-mortem": ("/incidents/INC-1/post-mortem",),
    "/incidents/actions/{name}": ("/incidents/actions/{action}",),
    "/alerts/{group}": ("/alerts/ALG-1",),
    "/people/{handle}": ("/people/bob",),
    "/services/{name}": ("/services/shop",),
    "/services/{name}/{environment}": ("/services/shop/production",),
    "/oncall/{name}/override": ("/oncall/platform/override",),
    "/oncall/{name}/swap": ("/oncall/platform/swap?first={first}",),
    "/releases/{name}": ("/releases/REL-5",),
    "/alerts/silences/{id}": ("/alerts/silences/SIL-1",),
    "/alerts/maintenances/{id}": ("/alerts/maintenances/{maintenance}",),
    "/alerts/silences/new": ("/alerts/silences/new?matchers=service%3Dshop",),
    "/alerts/maintenances/new": ("/alerts/maintenances/new?service=payments&environment=production",),
}
# Pages that another list does not know: states of a page, and what is not a page of the application.
MORE = ("/?wall", "/alerts?state=resolved", "/no-such-page", "/api/v1/incidents/INC-1/report?format=html")
# Not pages: streams, data, pictures, and addresses that only lead on.
NO_PAGES = {"/live", "/search.json", "/account", "/settings", "/welcome", "/settings/contact/tests/{test}",
            "/services/{name}/{environment}/signals.svg", "/deployments/{name}/picture.svg",
            "/deployments/{name}/log", "/calendar/{token}.ics", "/welcome/look"}  # fmt: skip
# The pictures in the documents: file -> (address, width, height).
PICTURES: dict[str, tuple[str, int, int]] = {
    "overview.png": ("/", 1280, 900),
    "rollout.png": ("/deployments/{rolled_back}", 1280, 1000),
    "incident.png": ("/incidents/INC-1", 1280, 900),
    "oncall.png": ("/oncall", 1280, 800),
    "report.png": ("/api/v1/incidents/INC-1/report?format=html", 1000, 1150),
}


@dataclass(frozen=True)
class Shot:
    """One page in one form."""

    address: str
    png: bytes


def pages() -> tuple[list[str], list[str]]:
    """Return the addresses to show, and the pages with parameters that nobody has given an example."""
    found: list[str] = []
    unknown: list[str] = []
    for path in dict.fromkeys(each.path for each in _pages()):
        if path in EXAMPLES:
            found.extend(EXAMPLES[path])
        elif path not in NO_PAGES:
            (unknown if "{" in path else found).append(path)
    return sorted([*found, *MORE], key=_place), unknown


def _place(address: str) -> tuple[int, str]:
    """Return the place on the sheet: what is looked at most, the rest, what is seen once in a life."""
    last = ("/settings", "/login", "/set-up", "/invitation", "/welcome", "/digest", "/no-such")
    return (0 if address.startswith("/?") or address == "/" else 2 if address.startswith(last) else 1), address


def _pages() -> Iterator[APIRoute]:
    for route in routes().routes:
        if isinstance(route, APIRoute) and "GET" in route.methods and not route.include_in_schema:
            yield route


def _prepare(server: Server) -> dict[str, str]:
    """Return what fills the examples in."""
    return dict(server.write(_make))


def _make(tx: Tx) -> dict[str, str]:
    _measure_hours(tx)
    rosa = Actor("person", "root", "Rosa Root")
    escalation = find_open_escalation(tx, "INC-1")
    link: dict[str, Any] = {"subject": "INC-1", "notification": "n", "person": "bob", "valid_s": 3600.0}
    invited = accounts.invite(
        tx, rosa, handle="dana", name="Dana Diaz", email="dana@example.com", time_zone="UTC", roles=("developer",),
        valid_s=86400.0,
    )  # fmt: skip
    post_mortem.write(
        tx, Actor("person", "bob", "Bob Marsh"), "INC-1", based_on={},
        texts={
            "root-cause": "Checkout calls the **tax service** twice; the second call times out.\n\n"
            "- `checkout.retry` was meant for card payments\n- no test has a slow tax service",
            "users-affected": "about 1,200 of 40,000", "lucky": "It was seen at 10 % of the traffic.",
        },
    )  # fmt: skip
    due_on = tx.now.date() + timedelta(days=7)
    action = action_items.add(
        tx, rosa, "INC-1", what="Give calls to the tax service a budget of 300 ms", owner="bob", due_on=due_on
    )
    until = tx.now + timedelta(hours=2)
    maintenance = muting.start_maintenance(
        tx, rosa, service="site", environment="staging", reason="New certificates, see REL-2", until=until,
        settings=SETTINGS.alerts,
    )  # fmt: skip
    return {
        "action": action.id,
        "maintenance": maintenance.id,
        "ack": make_link(tx, purpose="acknowledge", escalation=escalation.id if escalation else "", **link),
        "digest": make_link(tx, purpose="digest", escalation="", **link),
        "invitation": str(invited.code),
        "running": "DEP-6",
        "rolled_back": "DEP-5",
        "first": quote((tx.now + timedelta(days=1)).isoformat()),
    }


def _measure_hours(tx: Tx) -> None:
    """Three hours of one-minute rows, as monitoring keeps them, with trouble where the story has it."""
    for n in range(180):
        at = (tx.now - timedelta(minutes=180 - n)).replace(second=0, microsecond=0)
        total, ms = 1200 + n * 37 % 180, 120.0 if n in (64, 65) else 40.0
        bad = total // 18 if n in (64, 65) else 2 + n * n % 3
        buckets = [[ms / 2, total // 2], [ms, total // 3], [ms * 2, total - total // 2 - total // 3]]
        values = {
            "service": "shop", "environment": "production", "at": at, "slot": "blue", "seconds": 60.0,
            "total": total, "client_errors": 0, "server_errors": bad, "timeouts": 0, "resets": 0, "active": 1,
            "buckets": buckets,
        }  # fmt: skip
        tx.insert_or_ignore(minutes, values, on=["service", "environment", "at", "slot"])


def _shoot(
    browser: Browser, server: Server, addresses: list[str], *, size: tuple[int, int], theme: Any
) -> list[Shot]:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme, reduced_motion="reduce"
    )
    context.set_default_timeout(WAIT_MS)
    sign_in(context, server.url)
    page = context.new_page()
    shots = []
    for address in addresses:
        page.goto(f"{server.url}{address}", wait_until="load")
        # Two frames: what scripts draw after loading stands on the page.
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        shots.append(Shot(address, page.screenshot()))
    context.close()
    return shots


def take(images: Path, full: Path | None = None) -> None:
    """The folder holds every picture of the documents and the four sheets; `full` every page in full size."""
    addresses, unknown = pages()
    print(*(f"{path} has no example in tests/browser/gallery.py" for path in unknown), sep="\n", end="\n")
    images.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        tell(f"sqlite:///{folder}/staycalm.db").database.close()
        with serving(Path(folder)) as server:
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
            known = _prepare(server)
            filled = [address.format(**known) if "{" in address else address for address in addresses]
            for name, (address, width, height) in PICTURES.items():
                (shot,) = _shoot(browser, server, [address.format(**known)], size=(width, height), theme="light")
                print(f"{name}: {save_picture(shot.png, images / name)} bytes")
            for theme in ("light", "dark"):
                for size, columns, cell in ((WIDE, 5, (432, 270)), (NARROW, 12, (180, 390))):
                    shots = _shoot(browser, server, filled, size=size, theme=theme)
                    name = f"sheet-{theme}-{size[0]}.webp"
                    named = [(_named(each.address, known), each.png) for each in shots]
                    print(f"{name}: {save_sheet(named, images / name, columns=columns, cell=cell)} bytes")
                    if full is not None:
                        _keep(named, full / f"{theme}-{size[0]}")
            browser.close()
    PAGE.write_text(_page(addresses), encoding="utf-8")


def _named(address: str, known: dict[str, str]) -> str:
    for key in ("ack", "digest", "invitation"):
        address = address.replace(known[key], "…")
    return address


def _keep(shots: list[tuple[str, bytes]], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, png) in enumerate(shots):
        safe = "".join(c if c.isalnum() else "-" for c in name).strip("-") or "start"
        (folder / f"{number:02}-{safe}.png").write_bytes(png)


def _page(addresses: list[str]) -> str:
    parts = [
        "# Contact sheet",
        f"All {len(addresses)} pages in light and dark, at 1440 and 390 pixels, from a real server with the data "
        "of a few hours at Acme. `./dev screenshots` takes them anew, with all pictures of these documents.",
    ]
    for theme in ("light", "dark"):
        for width in (WIDE[0], NARROW[0]):
            parts.append(f"## {theme.capitalize()}, {width} px")
            parts.append(f"![Every page, {theme}, {width} pixels wide](../images/sheet-{theme}-{width}.webp)")
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev screenshots", description="Take every picture anew.")
    parser.add_argument("--full", type=Path, help="keep every page in full size in this folder, to look at")
    take(IMAGES, parser.parse_args().full)


if __name__ == "__main__":
    main()
