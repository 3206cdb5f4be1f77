"""Which clients have already told which revision they are on, so that each is counted only where it is news.

The hash of a client's cookie puts it on the candidate with a chance equal to the weight. That chance is
only good once: a client that failed on the candidate will fail there again, for reasons of its own perhaps.
After a client was seen on stable at weight v, its chance at a greater weight w is (w - v)/(1 - v); after it
was seen on the candidate it stays there (the hash is sticky and monotone) and tells nothing more.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint32]
_ON_CANDIDATE = 255
_WEIGHT_STEPS = 250


@dataclass(frozen=True, slots=True, eq=False)
class Clients:
    """The clients seen: sorted hashes, and one byte each for what their observation told.

    Holds at most `capacity`; when full, `level` grows and only clients whose hash ends in that many zero
    bits are counted from then on (a choice that knows nothing of revision or outcome).
    """

    keys: Keys
    codes: NDArray[np.uint8]
    level: int = 0
    capacity: int = 8192


@dataclass(frozen=True, slots=True)
class Fresh:
    """The observations that are news: their places in the poll, and each one's chance of the candidate."""

    places: NDArray[np.intp]
    chances: NDArray[np.float64]


def no_clients(capacity: int = 8192) -> Clients:
    """Return a memory of nobody."""
    return Clients(np.empty(0, np.uint32), np.empty(0, np.uint8), 0, capacity)


def hash_clients(clients: Iterable[str]) -> Keys:
    """Return a 32-bit hash of each client, independent of the one that routes it."""
    return np.fromiter((zlib.crc32(c.encode("utf-8", "surrogatepass")) for c in clients), dtype=np.uint32)


def meet(
    seen: Clients, keys: Keys, is_candidate: NDArray[np.bool_], share: float, *, told_share: float | None = None
) -> tuple[Clients, Fresh]:
    """Return who is known now, and which of these observations (in the order of time) are news.

    `share` is the weight in force as a fraction; `told_share` what a client on stable is remembered with,
    when that differs. A client counts at most once per call.
    """
    if not len(keys):
        return seen, Fresh(np.empty(0, np.intp), np.empty(0))
    unique, first = np.unique(keys, return_index=True)
    kept = (unique & np.uint32((1 << seen.level) - 1)) == 0
    unique, first = unique[kept], first[kept]
    at = np.searchsorted(seen.keys, unique)
    inside = np.minimum(at, max(len(seen.keys) - 1, 0))
    is_known = (seen.keys[inside] == unique) if len(seen.keys) else np.zeros(len(unique), bool)
    codes = np.where(is_known, seen.codes[inside] if len(seen.codes) else 0, 0).astype(np.int64)
    before = np.maximum(codes - 1, 0) / _WEIGHT_STEPS
    chance = np.where(codes == 0, share, (share - before) / np.maximum(1.0 - before, 1e-9))
    # A code is coarser than a weight, and what rounding cut off is no chance to be counted once more.
    is_greater = codes < 1 + int(share * _WEIGHT_STEPS)
    is_news = (codes != _ON_CANDIDATE) & is_greater & (chance > 1e-6) & (chance < 1.0)
    unique, first, at, chance = unique[is_news], first[is_news], at[is_news], chance[is_news]
    is_known = is_known[is_news]
    told_weight = int((share if told_share is None else told_share) * _WEIGHT_STEPS)
    told = np.where(is_candidate[first], _ON_CANDIDATE, 1 + told_weight).astype(np.uint8)
    codes_after = seen.codes.copy()
    codes_after[at[is_known]] = told[is_known]
    new = ~is_known
    after = Clients(
        np.insert(seen.keys, at[new], unique[new]),
        np.insert(codes_after, at[new], told[new]),
        seen.level,
        seen.capacity,
    )
    order = np.argsort(first)
    return _within_capacity(after), Fresh(first[order], chance[order])


def _within_capacity(clients: Clients) -> Clients:
    while len(clients.keys) > clients.capacity:
        level = clients.level + 1
        kept = (clients.keys & np.uint32((1 << level) - 1)) == 0
        clients = Clients(clients.keys[kept], clients.codes[kept], level, clients.capacity)
    return clients


def dump_clients(clients: Clients) -> dict[str, Any]:
    """Return JSON values of at most 7 characters per client."""
    return {
        "keys": base64.b64encode(clients.keys.astype("<u4").tobytes()).decode("ascii"),
        "codes": base64.b64encode(clients.codes.tobytes()).decode("ascii"),
        "level": clients.level,
        "capacity": clients.capacity,
    }


def load_clients(body: dict[str, Any]) -> Clients:
    """Return what `dump_clients` wrote."""
    return Clients(
        np.frombuffer(base64.b64decode(body["keys"]), dtype="<u4").astype(np.uint32),
        np.frombuffer(base64.b64decode(body["codes"]), dtype=np.uint8).copy(),
        int(body["level"]),
        int(body["capacity"]),
    )
