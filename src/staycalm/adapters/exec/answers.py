"""What commands print, read strictly: JSON, or lines of `key=value`. Anything else is an error, never a guess."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from staycalm.ports.deploy import Readiness
from staycalm.ports.errors import Rejected
from staycalm.ports.traffic import Endpoint, Slot, SlotCounts

COUNTERS = ("total", "client_errors", "server_errors", "timeouts", "resets")


@dataclass(frozen=True, slots=True)
class ToldInstance:
    """One copy, as the status command tells it."""

    endpoint: Endpoint | None
    readiness: Readiness
    pid: int | None = None
    restarts: int = 0
    started_at_s: float | None = None
    cpu_fraction: float | None = None
    memory_bytes: int | None = None
    exit_reason: str | None = None


@dataclass(frozen=True, slots=True)
class ToldStatus:
    """A revision, as the status command tells it; `instances` None when it says nothing of them."""

    exists: bool
    digest: str | None
    instances: tuple[ToldInstance, ...] | None


def read_endpoints(text: str) -> tuple[Endpoint, ...]:
    """Return the endpoints that a start command printed: `host:port` or `endpoint=host:port` a line, or
    JSON {"endpoints": ["host:port"]}. Other key=value lines are left alone. Raises Rejected.
    """
    if (raw := _json_object(text)) is not None:
        return tuple(read_endpoint(item) for item in _list(raw, "endpoints"))
    words = [line.strip() for line in text.splitlines() if line.strip()]
    wanted = [w.removeprefix("endpoint=") for w in words if w.startswith("endpoint=") or "=" not in w]
    return tuple(read_endpoint(word) for word in wanted)


def read_endpoint(text: object) -> Endpoint:
    """Return the endpoint of `host:port` or `[ipv6]:port`; raises Rejected."""
    host, colon, port = str(text).strip().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not colon or not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise Rejected(f"{str(text)[:80]!r} is not host:port")
    return Endpoint(host, int(port))


def read_status(text: str) -> ToldStatus:
    """Return what a status command printed; nothing at all means that the revision exists. Raises Rejected."""
    raw = _json_object(text)
    if raw is None:
        fields = _fields(text)
        is_ready = _flag(fields.get("ready", ["true"])[-1])
        told = [{"endpoint": e, "ready": is_ready} for e in fields.get("endpoint", [])]
        raw = {"exists": _flag(fields.get("exists", ["true"])[-1]), "digest": fields.get("digest", [None])[-1]}
        if told:
            raw["instances"] = told
    digest = raw.get("digest") or None
    if digest is not None and not str(digest).startswith("sha256:"):
        raise Rejected(f"the status command's digest {str(digest)[:80]!r} does not begin with sha256:")
    instances = tuple(_instance(item) for item in _list(raw, "instances")) if "instances" in raw else None
    return ToldStatus(_flag(raw.get("exists", True)), digest, instances)


def read_weight(text: str) -> float:
    """Return the percentage that a read-weight command printed: a number, `weight=N` or {"weight": N}."""
    raw = _json_object(text)
    word = str(raw.get("weight")) if raw is not None else text.strip().removeprefix("weight=")
    number = _number(word.removesuffix("%").strip(), "weight")
    if not 0 <= number <= 100:
        raise Rejected(f"the read-weight command printed {number:g}; a weight is 0 to 100 percent")
    return number


def read_counters(text: str) -> Mapping[Slot, SlotCounts]:
    """Return the counters, since ever, that a samples command printed. Raises Rejected."""
    raw = _json_object(text)
    slots = raw.get("slots") if raw is not None else None
    if not isinstance(slots, dict) or not set(slots) <= set(get_args(Slot)):
        raise Rejected('the samples command must print {"slots": {"blue": {…}, "green": {…}}}')
    return {cast(Slot, slot): _counts(fields) for slot, fields in slots.items()}


def subtract(now: SlotCounts, before: SlotCounts) -> SlotCounts | None:
    """Return what happened in between, or None when a counter went back: the balancer began anew."""
    counts = {name: getattr(now, name) - getattr(before, name) for name in COUNTERS}
    earlier = dict(before.latency_buckets)
    # A histogram that was not told of before holds everything since ever.
    told = now.latency_buckets if earlier or not before.total else ()
    buckets = tuple((bound, count - earlier.get(bound, 0)) for bound, count in told)
    if min(*counts.values(), *(count for _, count in buckets)) < 0:
        return None
    return SlotCounts(**counts, active=now.active, latency_buckets=buckets)


def _counts(fields: object) -> SlotCounts:
    if not isinstance(fields, dict):
        raise Rejected("the samples command must print an object of counters for each slot")
    buckets = []
    for pair in _list(fields, "latency_buckets"):
        if not isinstance(pair, list) or len(pair) != 2:
            raise Rejected("a latency bucket is [upper bound in ms, count]; the last bound is null")
        bound = math.inf if pair[0] is None else _number(pair[0], "latency bound")
        buckets.append((bound, _count(pair[1], "latency bucket")))
    if [bound for bound, _ in buckets] != sorted({bound for bound, _ in buckets}):
        raise Rejected("latency buckets must ascend")
    counts = {name: _count(fields.get(name, 0), name) for name in (*COUNTERS, "active")}
    return SlotCounts(**counts, latency_buckets=tuple(buckets))


def _instance(item: object) -> ToldInstance:
    if not isinstance(item, dict):
        raise Rejected("each of the status command's instances must be an object")
    readiness = item.get("readiness", "ready" if _flag(item.get("ready", True)) else "unhealthy")
    if readiness not in get_args(Readiness):
        raise Rejected(f"readiness {str(readiness)[:40]!r} is none of {', '.join(get_args(Readiness))}")

    def number(name: str) -> float | None:
        return None if item.get(name) is None else _number(item[name], name)

    pid, memory = number("pid"), number("memory_bytes")
    return ToldInstance(
        endpoint=None if item.get("endpoint") is None else read_endpoint(item["endpoint"]),
        readiness=readiness,
        pid=None if pid is None else int(pid),
        restarts=int(number("restarts") or 0),
        started_at_s=number("started_at"),
        cpu_fraction=number("cpu_fraction"),
        memory_bytes=None if memory is None else int(memory),
        exit_reason=None if item.get("exit_reason") is None else str(item["exit_reason"])[:500],
    )


def _json_object(text: str) -> dict[str, Any] | None:
    """Return the object, or None when the text does not begin like one."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raise Rejected("the command printed something that begins like JSON and is not") from None
    return raw if isinstance(raw, dict) else None


def _fields(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        key, equals, value = line.strip().partition("=")
        if not equals:
            raise Rejected(f"the command printed {line[:80]!r}; lines must be key=value")
        found.setdefault(key, []).append(value)
    return found


def _flag(value: object) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise Rejected(f"{text[:40]!r} is neither true nor false")
    return text == "true"


def _list(raw: Mapping[str, Any], name: str) -> list[Any]:
    value = raw.get(name, [])
    if not isinstance(value, list):
        raise Rejected(f"{name} must be a list")
    return value


def _number(value: object, name: str) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise Rejected(f"{name} {str(value)[:40]!r} is not a number")
    return number


def _count(value: object, name: str) -> int:
    number = _number(value, name)
    if number < 0 or number != int(number):
        raise Rejected(f"{name} {number:g} is not a whole number from 0")
    return int(number)
