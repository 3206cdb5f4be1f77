"""Everything `sc ops status` shows, asked from the API; a part that may not be seen is None."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from staycalm.cli import exits
from staycalm.cli.errors import Trouble
from staycalm.client.api import Api, ApiError

URGENT = ("P0", "P1")
LIMIT = 50
WINDOW = "5m"
Picture = dict[str, Any]


def look(api: Api) -> Picture:
    """Return production as it is now. Raises Trouble when the role may see nothing of it."""
    now: Picture = {
        "staycalm": api.get_any_status("/health"),
        "placements": _part(lambda: api.get("/api/v1/catalog/placements")),
        "live": _part(lambda: api.get("/api/v1/deployments/live")),
        "deployments": _part(lambda: api.get("/api/v1/deployments", limit=LIMIT)),
        "alerts": _part(lambda: api.get("/api/v1/alerts", limit=LIMIT)),
        "incidents": _part(lambda: api.get("/api/v1/incidents", limit=LIMIT, open="true")),
        "oncall": _part(lambda: api.get("/api/v1/oncall")),
        "signals": _part(lambda: api.get("/api/v1/monitoring/signals/everywhere", window=WINDOW)),
    }
    if all(part is None for name, part in now.items() if name != "staycalm"):
        raise Trouble("you may not see anything here", "Ask an admin for a role.", code=exits.NOT_ALLOWED)
    now["placements"] = [
        {"service": p["service"], "environment": p["environment"], "is_production": bool(p.get("is_production"))}
        for p in now["placements"] or []
    ]
    now["deployments"] = [d for d in now["deployments"] or [] if d["is_running"]]
    now["signals"] = [{**each, **(each.pop("now") or {})} for each in now["signals"] or []]
    return {"ok": verdict(now) == exits.OK, "server": api.connection.url, **now}


def _part(ask: Callable[[], Any]) -> list[dict[str, Any]] | None:
    try:
        items: list[dict[str, Any]] = ask()["items"]
        return items
    except ApiError as error:
        # An older server has not every part either; what it has is worth showing.
        if error.status != 403 and error.code != "http-404":
            raise
        return None


def verdict(now: Picture) -> int:
    """Return 8 when StayCalm fails or something P0 or P1 is open and not muted, else 0."""
    return exits.UNHEALTHY if urgent(now) or now["staycalm"]["status"] != "ok" else exits.OK


def urgent(now: Picture) -> list[dict[str, Any]]:
    """Return the incidents and alerts that somebody has to look at now."""
    return [
        each
        for each in (*(now["incidents"] or ()), *(now["alerts"] or ()))
        if each["priority"] in URGENT and each["state"] != "suppressed"
    ]
