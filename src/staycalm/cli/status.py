"""`sc ops status`: production on one screen."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.alerts import place
from staycalm.cli.command import command
from staycalm.cli.errors import Trouble
from staycalm.cli.follow import bar
from staycalm.client.api import Api, ApiError, Unreachable

URGENT = ("P0", "P1")
LIMIT = 50
ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
HOME, CLEAR_LINE, CLEAR_REST = "\x1b[H", "\x1b[K", "\x1b[J"
Picture = dict[str, Any]


@command(example="sc ops status --watch", codes=(exits.UNHEALTHY,))
@click.option("--watch", is_flag=True, help="Refresh in place until Ctrl-C.")
@click.option("--every", "every_s", default=2.0, show_default=True, type=click.FloatRange(0.5), help="Seconds.")
def status(api: Api, as_json: bool, watch: bool, every_s: float) -> int:
    """Show what is live, how it does, and who has the pager. Exit code 8 when something P0 or P1 is open."""
    if not watch:
        now = look(api)
        if as_json:
            output.print_json(now)
        else:
            click.echo("\n".join(draw(now, output.width())))
        return verdict(now)
    return _watch(api, as_json, every_s)


def _watch(api: Api, as_json: bool, every_s: float) -> int:
    in_place = output.is_terminal() and not as_json
    code = exits.OK
    if in_place:
        click.echo(ENTER, nl=False)
    try:
        while True:
            try:
                now = look(api)
                code = verdict(now)
                lines = draw(now, output.width())
            except Unreachable as error:
                now, code, lines = {"ok": False, "problem": str(error)}, exits.UNREACHABLE, [str(error)]
            _show(now, lines, as_json=as_json, in_place=in_place)
            time.sleep(every_s)
    except KeyboardInterrupt:
        return code
    finally:
        if in_place:
            click.echo(LEAVE, nl=False)


def _show(now: Picture, lines: list[str], *, as_json: bool, in_place: bool) -> None:
    if as_json:
        output.print_json(now)
    elif in_place:
        room = shutil.get_terminal_size().lines - 1
        stamp = output.paint(f"{datetime.now(UTC):%H:%M:%S} UTC, Ctrl-C ends", dim=True)
        shown = [*lines[: room - 1], stamp]
        click.echo(HOME + "\n".join(line + CLEAR_LINE for line in shown) + CLEAR_REST, nl=False)
    else:
        click.echo("\n".join([*lines, ""]))


def look(api: Api) -> Picture:
    """Return everything the screen shows; a part that may not be seen is None."""
    now: Picture = {
        "staycalm": api.get_any_status("/health"),
        "placements": _part(lambda: api.get("/api/v1/catalog/placements")),
        "live": _part(lambda: api.get("/api/v1/deployments/live")),
        "deployments": _part(lambda: api.get("/api/v1/deployments", limit=LIMIT)),
        "alerts": _part(lambda: api.get("/api/v1/alerts", limit=LIMIT)),
        "incidents": _part(lambda: api.get("/api/v1/incidents", limit=LIMIT, open="true")),
        "oncall": _part(lambda: api.get("/api/v1/oncall")),
    }
    if all(part is None for name, part in now.items() if name != "staycalm"):
        raise Trouble("you may not see anything here", "Ask an admin for a role.", code=exits.NOT_ALLOWED)
    now["placements"] = [
        {"service": p["service"], "environment": p["environment"]} for p in now["placements"] or []
    ]
    now["deployments"] = [d for d in now["deployments"] or [] if d["is_running"]]
    now["signals"] = _signals(api, now)
    return {"ok": verdict(now) == exits.OK, "server": api.connection.url, **now}


def _signals(api: Api, now: Picture) -> list[dict[str, Any]]:
    """Return the golden signals of the last minute of what is live."""
    found = []
    for live in (now["live"] or [])[:LIMIT]:
        where = {name: live[name] for name in ("service", "environment")}
        try:
            seen = api.get("/api/v1/monitoring/signals", window="10s", **where)["now"]
        except ApiError as error:
            # Undeclared since, or an older server: what it does is not known then.
            if error.status not in (403, 404):
                raise
            seen = None
        found.append({**where, **(seen or {})})
    return found


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
    urgent = [
        each
        for each in (*(now["alerts"] or ()), *(now["incidents"] or ()))
        if each["priority"] in URGENT and each["state"] != "suppressed"
    ]
    return exits.UNHEALTHY if urgent or now["staycalm"]["status"] != "ok" else exits.OK


def draw(now: Picture, room: int | None) -> list[str]:
    """Return the screen as lines of at most `room` columns (None: as wide as it takes)."""
    own = now["staycalm"]
    lines = [f"StayCalm {own['version']}  {output.tone(own['status'])}  {now['server']}"]
    lines += [output.tone(f"  {problem}", "failing") for problem in own["problems"]]
    lines += ["", *_placements(now, room)]
    if now["deployments"]:
        lines += ["", *(_rollout(d, room) for d in now["deployments"])]
    lines += ["", *_incidents(now["incidents"], room)]
    lines += ["", *_alerts(now["alerts"], room)]
    lines += ["", *_on_call(now["oncall"], room)]
    return lines


def _placements(now: Picture, room: int | None) -> list[str]:
    live = {_key(each): each for each in now["live"] or ()}
    signals = {_key(each): each for each in now["signals"] or ()}
    rows = []
    for where in sorted({*map(_key, now["placements"]), *live}):
        serving, seen = live.get(where), signals.get(where) or {}
        version = [serving["release"], serving["digest"][7:19], output.ago(serving["since"])] if serving else []
        latency = [output.number(seen.get("p50_ms"), " ms"), output.number(seen.get("p95_ms"), " ms")]
        traffic = [output.number(seen.get("request_rate"), "/s"), output.percent(seen.get("error_rate"))]
        version = version or ["nothing live", "", ""]
        rows.append(["@".join(where), *version, *traffic, *latency, output.percent(seen.get("saturation"))])
    if not rows:
        return ["Nothing is declared yet: `sc init`, then `sc apply`."]
    headings = ["placement", "live", "digest", "since", "requests", "errors", "p50", "p95", "full"]
    return output.lines(headings, rows, room, spare=(2, 3, 6, 8))


def _key(each: dict[str, Any]) -> tuple[str, str]:
    return each["service"], each["environment"]


def _rollout(d: dict[str, Any], room: int | None) -> str:
    state = "held" if d["is_held"] else "paused" if d["is_paused"] else d["state"]
    size = 20 if room is None or room >= 80 else 8
    head = f"{d['id']}  {place(d)}  {d['release']}  {bar(d['weight'], size)}"
    note = d["held_reason"] or d["verdict_reason"] or ""
    left = None if room is None else room - output.columns(head) - len(state) - 4
    tail = "" if left is not None and left < output.NARROWEST else output.cut(note, left or 200)
    return f"{head}  {output.tone(state)}  {tail}".rstrip()


def _incidents(found: list[dict[str, Any]] | None, room: int | None) -> list[str]:
    if found is None:
        return ["Incidents: not for your role"]
    if not found:
        return ["No open incidents"]
    rows = [
        [i["id"], i["priority"], i["state"], place(i), output.ago(i["declared_at"]), i["title"]] for i in found
    ]
    headings = ["incident", "priority", "state", "where", "declared", "what"]
    return output.lines(headings, rows, room, tones=(1, 2), spare=(4, 3))


def _alerts(found: list[dict[str, Any]] | None, room: int | None) -> list[str]:
    if found is None:
        return ["Alerts: not for your role"]
    if not found:
        return ["No open alerts"]
    rows = [
        [a["group"], a["priority"], a["state"], place(a), output.ago(a["opened_at"]), a["summary"]] for a in found
    ]
    headings = ["alert", "priority", "state", "where", "since", "what"]
    return output.lines(headings, rows, room, tones=(1, 2), spare=(4, 3))


def _on_call(found: list[dict[str, Any]] | None, room: int | None) -> list[str]:
    if found is None:
        return ["On call: not for your role"]
    if not found:
        return ["On call: nobody, there is no schedule"]
    rows = [
        [n["schedule"], n["primary"] or "NOBODY", n["secondary"] or "nobody", output.clock(n["until"])]
        for n in found
    ]
    return output.lines(["on call", "primary", "secondary", "until (UTC)"], rows, room, tones=(1,), spare=(3,))
