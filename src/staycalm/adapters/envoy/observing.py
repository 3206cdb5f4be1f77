"""Reading back what the proxy really does: its state for a placement, and what happened to its traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from staycalm.adapters.envoy.admin import Admin, file_state_in
from staycalm.adapters.envoy.clusters import SLOTS, candidate_cluster, stable_cluster
from staycalm.adapters.envoy.confirming import route_statistics
from staycalm.adapters.envoy.counters import (
    Cursor,
    Reading,
    difference,
    parse_statistics,
    readings,
    together,
    wanted,
)
from staycalm.adapters.envoy.edge import Edge
from staycalm.adapters.envoy.proxy import Proxy
from staycalm.adapters.envoy.routes import placements_in
from staycalm.adapters.envoy.structure import CLUSTERS, LISTENERS
from staycalm.core.placement import Placement
from staycalm.kit.shapes import prepare
from staycalm.ports.errors import InvalidSpec
from staycalm.ports.traffic import EdgeObservation, RequestRecord, Samples, Slot, SlotCounts, Split

prepare(Cursor)

_STATE = r"(membership_healthy|version_text|update_rejected|update_failure)$"


def _healthy(placement: Placement, split: Split | None, values: Mapping[str, Any]) -> dict[Slot, int]:
    """Return the instances that get requests; those of the candidate without the ejected ones."""
    candidate = split.candidate if split else None
    names = {s: (candidate_cluster if s == candidate else stable_cluster)(placement, s) for s in SLOTS}
    return {s: int(values.get(f"cluster.{name}.membership_healthy", 0)) for s, name in names.items()}


async def observe_edge(edge: Edge, proxy: Proxy, placement: Placement, *, version: str) -> EdgeObservation:
    """Return what the proxy itself says of the placement; raises OutsideUnavailable."""
    admin = proxy.admin
    info = await admin.ask_json("/server_info")
    values = await admin.values(_STATE)
    one = edge.placed.get(placement)
    about, problem = None, edge.problem
    files = [CLUSTERS, LISTENERS]
    if one is not None:
        file = route_statistics(one.listener)
        files.append(file)
        in_force, on_disk = file_state_in(values, file).version, edge.version(one.listener)
        if in_force != on_disk:
            problem = f"version {on_disk} of the routes is on disk, but {in_force} is in force"
        about = placements_in(await admin.routes_in_force(one.listener)).get(placement)
    split = about.split if about else None
    return EdgeObservation(
        edge=proxy.name,
        is_live=info.get("state") == "LIVE",
        version=version,
        uptime_s=float(str(info.get("uptime_current_epoch", "0s")).rstrip("s")),
        generation=about.generation if about else None,
        split=split,
        healthy_members=_healthy(placement, split, values),
        rejections=sum(file_state_in(values, file).refused for file in files),
        problem=problem,
    )


async def read_counters(admin: Admin, placement: Placement) -> dict[Slot, Reading]:
    """Return the cumulative values of both slots; raises OutsideUnavailable."""
    query = {"format": "json", "histogram_buckets": "cumulative", "filter": wanted(placement)}
    return readings(parse_statistics(await admin.ask_json("/stats", **query)), placement)


def read_cursor(text: str) -> Cursor:
    """Return the cursor that `samples` gave out; raises InvalidSpec for any other text."""
    try:
        return msgspec.json.decode(text, type=Cursor)
    except (msgspec.DecodeError, RecursionError):
        raise InvalidSpec("the cursor is not one of this proxy") from None


def write_cursor(each: Sequence[Cursor]) -> str:
    """Return the text of the cursors of all proxies, the first one's first."""
    return msgspec.json.encode(msgspec.structs.replace(each[0], others=tuple(each[1:]))).decode()


def nothing(cursor: Cursor) -> Samples:
    """Return that nothing happened since the cursor: before the first samples, and while a proxy is away."""
    gauges = {slot: SlotCounts(active=cursor.slots[slot].active) for slot in SLOTS}
    return Samples(write_cursor([cursor]), 0.0, gauges, (), has_requests=True)


def added(parts: Sequence[Samples], cursor: str) -> Samples:
    """Return what happened at all proxies together."""
    return Samples(
        cursor=cursor,
        seconds=max(part.seconds for part in parts),
        slots={slot: together(part.slots[slot] for part in parts) for slot in SLOTS},
        requests=tuple(request for part in parts for request in part.requests),
        has_requests=True,
        was_reset=any(part.was_reset for part in parts),
    )


def samples_between(
    old: Cursor, now: Cursor, requests: tuple[RequestRecord, ...], *, is_incomplete: bool
) -> Samples:
    """Return what happened between two cursors; `is_incomplete` when some requests were forgotten."""
    is_same = old.process == now.process
    found = {slot: difference(old.slots[slot], now.slots[slot], is_same_process=is_same) for slot in SLOTS}
    return Samples(
        cursor=write_cursor([now]),
        seconds=max(0.0, now.at_s - old.at_s),
        slots={slot: one.counts for slot, one in found.items()},
        requests=requests,
        has_requests=True,
        was_reset=is_incomplete or any(one.was_reset for one in found.values()),
    )
