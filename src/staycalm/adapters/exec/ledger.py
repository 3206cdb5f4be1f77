"""Which split a balancer was last told, as the file of a placement keeps it; who may tell it the next (pure)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from staycalm.core.placement import Placement
from staycalm.ports.errors import Fenced
from staycalm.ports.traffic import RouteSpec, Slot, Split


@dataclass(frozen=True, slots=True)
class Entry:
    """`split` was wanted in `generation` by the writer of `fence`; `route` are variables about the route.

    `commands` are the names that played the roles then: a rollback needs to ask nobody.
    `is_confirmed` once the balancer was seen to do it; `is_rollback` when nobody asked for a newer one since.
    """

    generation: int = 0
    fence: int = 0
    split: Split | None = None
    is_confirmed: bool = False
    is_rollback: bool = False
    route: Mapping[str, str] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)


def wanted(entry: Entry, placement: Placement, split: Split, generation: int, fence: int) -> Entry:
    """Return the entry that wants the split; the same one when it already does.

    Raises Fenced on a lower generation or fence, and on the same generation with another split.
    """
    if fence < entry.fence:
        raise Fenced(f"{placement}: fence {fence} is over; a writer with fence {entry.fence} has taken its place")
    if generation < entry.generation:
        raise Fenced(f"{placement}: generation {generation} is over; {entry.generation} is in force")
    if generation == entry.generation and entry.split is not None and entry.split != split:
        raise Fenced(f"{placement}: generation {generation} is in force with another split")
    if generation == entry.generation and entry.split == split:
        return replace(entry, fence=fence)
    return replace(entry, generation=generation, fence=fence, split=split, is_confirmed=False, is_rollback=False)


def rolled_back(entry: Entry, back: Split) -> Entry:
    """Return the entry of the reserved generation, which wants `back`; the same one when it does already."""
    if entry.is_rollback:
        return entry
    return replace(entry, generation=entry.generation + 1, split=back, is_confirmed=False, is_rollback=True)


def other_slot(split: Split) -> Slot:
    """Return the slot that is not stable: whose weight is set and read, also when it serves nobody."""
    return split.candidate or ("green" if split.stable == "blue" else "blue")


def weight_variables(entry: Entry, split: Split) -> dict[str, str]:
    """Return what a command is told of the split: SC_WEIGHT is the percentage that SC_SLOT shall get."""
    slot = other_slot(split)
    weight = split.candidate_weight if split.candidate is not None else 0.0
    shares = {slot: weight, split.stable: 100.0 - weight}
    return {
        **entry.route,
        "SC_GENERATION": str(entry.generation),
        "SC_SLOT": slot,
        "SC_WEIGHT": f"{weight:g}",
        "SC_STABLE_SLOT": split.stable,
        "SC_BLUE_WEIGHT": f"{shares.get('blue', 0.0):g}",
        "SC_GREEN_WEIGHT": f"{shares.get('green', 0.0):g}",
        "SC_PREVIEW_TOKEN": split.preview_token or "",
    }


def route_variables(spec: RouteSpec) -> dict[str, str]:
    """Return what a command is told of the route; lists are separated by commas."""

    def members(slot: Slot) -> str:
        return ",".join(f"{e.host}:{e.port}" for e in spec.members.get(slot, ()))

    return {
        "SC_HOSTS": ",".join(spec.hosts),
        "SC_CANDIDATE_HOSTS": ",".join(spec.candidate_hosts),
        "SC_PATH_PREFIX": spec.path_prefix,
        "SC_LISTEN_ADDRESS": spec.listener.address,
        "SC_LISTEN_PORT": str(spec.listener.port),
        "SC_HEALTH_PATH": spec.health_path or "",
        "SC_REQUEST_TIMEOUT_S": f"{spec.request_timeout_s:g}",
        "SC_BLUE_MEMBERS": members("blue"),
        "SC_GREEN_MEMBERS": members("green"),
    }


def to_json(entry: Entry) -> dict[str, Any]:
    """Return the entry as it is written to the placement's file."""
    split = entry.split
    return {
        "generation": entry.generation,
        "fence": entry.fence,
        "split": None
        if split is None
        else [split.stable, split.candidate, split.candidate_weight, split.preview_token],
        "is_confirmed": entry.is_confirmed,
        "is_rollback": entry.is_rollback,
        "route": dict(entry.route),
        "commands": dict(entry.commands),
    }


def from_json(raw: Mapping[str, Any] | None) -> Entry:
    """Return the entry that was written; an empty one when none was."""
    if raw is None:
        return Entry()
    split = None if raw["split"] is None else Split(*raw["split"])
    return Entry(
        generation=raw["generation"],
        fence=raw["fence"],
        split=split,
        is_confirmed=raw["is_confirmed"],
        is_rollback=raw["is_rollback"],
        route=raw["route"],
        commands=raw["commands"],
    )


def version_of(entry: Entry) -> str:
    """Return a short name of generation and content, for people to compare."""
    content = json.dumps(to_json(replace(entry, is_confirmed=False, fence=0, commands={})), sort_keys=True)
    return f"{entry.generation}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"
