"""What other domains may call. `tx` first, the actor second where something is written.

get_release(tx, name) -> Release              resolve_artifact(tx, service, text) -> Release
find_release(tx, id) -> Release | None        register(tx, actor, *, service, digest, reference, …) -> Release
arrivals(tx, ids) -> dict[id, tuple[Arrival, …]]  when each went live first, by environment
"""

from __future__ import annotations

from staycalm.domains.releases.queries import (
    Arrival,
    Release,
    arrivals,
    find_release,
    get_release,
    resolve_artifact,
)
from staycalm.domains.releases.service import register

__all__ = ["Arrival", "Release", "arrivals", "find_release", "get_release", "register", "resolve_artifact"]
