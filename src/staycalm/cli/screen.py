"""The picture of production as lines: what is live, what moves, what is wrong, who has the pager."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from staycalm.cli import output
from staycalm.cli.alerts import place
from staycalm.cli.look import Picture, urgent
from staycalm.cli.measure import columns, cut, harmless
from staycalm.cli.spark import sparkline, split_bar

Key = tuple[str, str]
CURVE = 10
# Scales below which a curve stays flat: 1 % of errors, 10 ms.
LEAST_ERRORS, LEAST_MS = 0.01, 10.0
FEWEST = 3


def draw(now: Picture, room: int | None, tall: int | None = None) -> list[str]:
    """Return the screen as lines of at most `room` columns (None: as wide as it takes).

    With `tall` the lists are shortened, the least urgent last, so that the whole is about as high.
    """
    services = _placements(now, room)
    rollouts = [line for d in now["deployments"] for line in _rollout(d, room)]
    incidents, alerts = _incidents(now["incidents"], room), _alerts(now["alerts"], room)
    on_call = _on_call(now["oncall"], room)
    head = _head(now, room)
    if tall is not None:
        free = tall - len(head) - len(on_call) - len(rollouts) - 5
        services = _shorten(services, free - min(len(incidents), 4) - min(len(alerts), 4), "placements", room)
        free -= len(services)
        incidents = _shorten(incidents, free - min(len(alerts), 4), "`sc ops incidents --open`", room)
        alerts = _shorten(alerts, free - len(incidents), "`sc ops alerts`", room)
    parts = [head, services, rollouts, incidents, alerts, on_call]
    found: list[str] = []
    for part in parts:
        if part:
            found += ["", *part] if found else part
    return found


def _shorten(part: list[str], most: int, where: str, room: int | None) -> list[str]:
    most = max(FEWEST + 1, most)
    if len(part) <= most:
        return part
    left = f"… and {len(part) - most + 1} more: {where}"
    return [*part[: most - 1], output.paint(cut(left, room or 200), dim=True)]


def _head(now: Picture, room: int | None) -> list[str]:
    own = now["staycalm"]
    word = str(own["status"])
    parts = [f"StayCalm {own['version']}", f"● {word}", now["server"]]
    if own.get("engine_age_s") is not None:
        parts.append(f"engine {output.span(own['engine_age_s'])} ago")
    line = cut("  ".join(parts), room or 400)
    painted = line.replace(f"● {word}", output.tone(f"● {word}", word), 1).replace(
        parts[0], output.paint(parts[0], bold=True), 1
    )
    found = [painted]
    found += [output.tone(cut(f"  {harmless(each)}", room or 400), "failing") for each in own["problems"]]
    return [*found, _verdict(now, room)]


def _verdict(now: Picture, room: int | None) -> str:
    """The first thing to read: is somebody needed?"""
    wrong = urgent(now)
    if not wrong:
        word = "ok" if now["staycalm"]["status"] == "ok" else "failing"
        said = "All calm." if word == "ok" else "StayCalm itself needs somebody."
        return output.paint(said, fg=output.TONES[word], bold=True)
    worst = sorted(wrong, key=lambda each: each["priority"])[0]
    title = _what(worst) if worst.get("title") else worst.get("summary") or ""
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    label = f"{worst['priority']} {worst.get('group') or worst['id']}"
    said = harmless(f"{label}: {title}")
    return output.paint(
        cut(said, (room or 400) - len(more)) + more, fg=output.TONES.get(worst["priority"], "red"), bold=True
    )


def _placements(now: Picture, room: int | None) -> list[str]:
    live = {_key(each): each for each in now["live"] or ()}
    signals = {_key(each): each for each in now["signals"] or ()}
    production = {_key(each): not each.get("is_production", False) for each in now["placements"]}
    rows, last = [], ""
    for where in sorted({*production, *live}, key=lambda key: (key[0], production.get(key, True), key[1])):
        service, environment = where
        rows.append([
            "" if service == last else service, environment, _state(now, where, live.get(where)),
            *_version(live.get(where)), *_figures(signals.get(where) or {}),
        ])  # fmt: skip
        last = service
    if not rows:
        return ["Nothing is declared yet: `sc init`, then `sc apply`."]
    headings = ["service", "env", "state", "live", "digest", "age", "by", "requests", "", "errors", "", "p95", "",
                "p50", "full"]  # fmt: skip
    return output.lines(
        headings, rows, room, tones=(2,), spare=(4, 14, 6, 13, 12, 8, 11, 7, 10, 5), right=(5, 7, 9, 11, 13, 14)
    )


def _version(serving: dict[str, Any] | None) -> list[str]:
    if serving is None:
        return ["nothing", "", "", ""]
    age = output.ago(serving["since"]).removesuffix(" ago") if serving["since"] else ""
    return [serving["release"], serving["digest"][7:19], age, serving.get("by") or ""]


def _figures(seen: dict[str, Any]) -> list[str]:
    """Return requests, errors and response times, each with its curve over five minutes; blank is unknown."""

    def text(name: str, unit: str) -> str:
        value = seen.get(name)
        return "" if value is None else output.number(value, unit)

    rates = sparkline(seen.get("request_rates", ()), CURVE)
    errors = sparkline(seen.get("error_rates", ()), CURVE, least_top=LEAST_ERRORS)
    times = sparkline(seen.get("p95s_ms", ()), CURVE, least_top=LEAST_MS)
    share, full = seen.get("error_rate"), seen.get("saturation")
    return [
        text("request_rate", "/s"), rates, "" if share is None else output.percent(share), errors,
        text("p95_ms", " ms"), times, text("p50_ms", " ms"), "" if full is None else output.percent(full),
    ]  # fmt: skip


def _state(now: Picture, where: Key, serving: dict[str, Any] | None) -> str:
    """Return the worst that is true of the placement, in a word."""
    open_there = [
        each["priority"]
        for each in (*(now["incidents"] or ()), *(now["alerts"] or ()))
        if (each["service"], each["environment"]) == where and each["state"] != "suppressed"
    ]
    if open_there:
        return str(min(open_there))
    if any(_key(d) == where for d in now["deployments"]):
        return "shifting"
    return "ok" if serving else "empty"


def _key(each: dict[str, Any]) -> Key:
    return each["service"], each["environment"]


def _rollout(d: dict[str, Any], room: int | None) -> list[str]:
    """Two lines: who gets the traffic, and why it is as it is."""
    word = "held" if d["is_held"] else "paused" if d["is_paused"] else d["state"]
    size = 30 if room is None else max(8, min(30, room - 60))
    stable, candidate = split_bar(d["weight"], size)
    name = f"{d['id']} {place(d)} → {d['release']}"
    weight = f"{d['weight'] or 0:.0f} % candidate"
    head = cut(name, (room or 400) - size - len(weight) - len(word) - 6)
    bar = output.paint(stable, fg="blue") + output.paint(candidate, fg="green")
    line = f"{output.paint(head, bold=True)}  {bar} {weight}  {output.tone(word)}"
    note = harmless(d["held_reason"] or d["verdict_reason"] or "")
    return [line, output.paint("  " + cut(note, (room or 400) - 2), dim=True)] if note else [line]


def _incidents(found: list[dict[str, Any]] | None, room: int | None) -> list[str]:
    if found is None:
        return ["Incidents: not for your role"]
    if not found:
        return ["No open incidents"]
    rows = [
        [i["id"], i["priority"], i["state"], _holder(i), place(i), output.ago(i["declared_at"]), _what(i)]
        for i in sorted(found, key=lambda each: each["priority"])
    ]
    headings = ["incident", "prio", "state", "who", "where", "declared", "what"]
    return output.lines(headings, rows, room, tones=(1, 2, 3), spare=(5, 4))


def _holder(incident: dict[str, Any]) -> str:
    # A server of before does not tell: that is not the same as nobody.
    return str(incident["held_by"] or "NOBODY") if "held_by" in incident else ""


def _what(incident: dict[str, Any]) -> str:
    """Return what is wrong now: where it came back, the title tells of an earlier time."""
    because = incident.get("reopened_because")
    return f"again: {because} (first: {incident['title']})" if because else str(incident["title"])


def _alerts(found: list[dict[str, Any]] | None, room: int | None) -> list[str]:
    if found is None:
        return ["Alerts: not for your role"]
    if not found:
        return ["No open alerts"]
    rows = [
        [a["group"], a["priority"], a["state"], place(a), output.ago(a["opened_at"]), a["summary"]]
        for a in sorted(found, key=lambda each: (each["state"] == "suppressed", each["priority"]))
    ]
    headings = ["alert", "prio", "state", "where", "since", "what"]
    return output.lines(headings, rows, room, tones=(1, 2), spare=(4, 3))


def _on_call(found: list[dict[str, Any]] | None, room: int | None) -> list[str]:
    if found is None:
        return ["On call: not for your role"]
    if not found:
        return ["On call: nobody, there is no schedule"]
    rows = [
        [n["schedule"], n["primary"] or "NOBODY", n["secondary"] or "nobody", _until(n["until"]),
         n.get("next_primary") or "NOBODY"]
        for n in found
    ]  # fmt: skip
    headings = ["on call", "primary", "secondary", "until (UTC)", "then"]
    return output.lines(headings, rows, room, tones=(1, 4), spare=(2, 3))


def _until(stamp: str | None) -> str:
    if not stamp:
        return "for ever"
    at = datetime.fromisoformat(stamp).astimezone(UTC)
    return f"{at:%a %d %b %H:%M}"


def stale(line: str, room: int) -> str:
    """Return the line that says the figures below are old."""
    return output.paint(line[:room] + " " * (room - columns(line)), fg="white", bg="red", bold=True)
