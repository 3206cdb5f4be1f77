"""The parts of a service page that change while one looks, each drawn for all who watch it."""

from __future__ import annotations

from urllib.parse import quote

from staycalm.core.placement import Placement
from staycalm.kit.database import Database
from staycalm.kit.http import Views
from staycalm.web.services.reading import read_around, read_called, read_record, read_standing
from staycalm.web.services.signals import signals_chart


async def draw_standing(db: Database, views: Views, key: str) -> str:
    """Return how a service stands now; the key is its name, an @, and the environment if one is looked at."""
    name, _, environment = key.partition("@")
    found = await db.read(read_standing, name, environment)
    return views.fragment("web/services/now.html", found=found)


async def draw_signals(db: Database, views: Views, key: str) -> str:
    """Return the signals up to now; the key is service@environment@span. A part that is looked at stands still."""
    name, environment, span = (*key.split("@"), "", "")[:3]
    placement = Placement(name, environment)
    chart = await db.read(signals_chart, placement, span=span, part=None)
    at = f"/services/{quote(name)}/{quote(environment)}"
    return views.fragment(
        "web/services/signals.html", chart=chart, placement=placement, span=span, is_part=False, at=at
    )


async def draw_record(db: Database, views: Views, key: str) -> str:
    """Return the uptime and the versions of service@environment."""
    name, _, environment = key.partition("@")
    record = await db.read(read_record, Placement(name, environment))
    return views.fragment("web/services/record.html", record=record)


async def draw_called(db: Database, views: Views, key: str) -> str:
    """Return whom a page for the service reaches now."""
    return views.fragment("web/services/called.html", called=await db.read(read_called, key))


async def draw_around(db: Database, views: Views, key: str) -> str:
    """Return what the service needs and what needs it, for whoever may read incidents."""
    around = await db.read(read_around, key, may_see_trouble=True)
    return views.fragment("web/services/dependencies.html", around=around)
