"""What is true of traffic after every turn: whole, in order, and never again with who was taken back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from staycalm.adapters.envoy.routes import TOTAL_WEIGHT
from staycalm.core.placement import Placement
from staycalm.ports.traffic import Slot


@dataclass(frozen=True)
class Served:
    """What the proxy did from one change to the next: its `weights`, and `shares` in percent by revision."""

    generation: int
    weights: Mapping[Slot, int]
    shares: Mapping[str, float]
    candidate: str | None = None


def check_weights(place: Placement, weights: Mapping[Slot, int]) -> Iterator[str]:
    """The weights that the proxy was given are those of all its clients, each of them once."""
    if sum(weights.values()) != TOTAL_WEIGHT or min(weights.values()) < 0:
        yield f"{place}: the weights are {dict(weights)}"


def check_generations(place: Placement, numbers: Sequence[int]) -> Iterator[str]:
    """Each change has a higher number than the one before."""
    if list(numbers) != sorted(set(numbers)):
        yield f"{place}: generations went back: {numbers}"


def check_nobody_returns(
    place: Placement, served: Sequence[Served], over: Mapping[str, tuple[str, int]]
) -> Iterator[str]:
    """Who was taken back has no clients ever after.

    A candidate is taken back by the change that leaves it none of the clients it had; a revision that was live,
    when its deployment is over: `over` maps it to that deployment and to how many changes there were by then.
    """
    gone: set[str] = set()
    before: Served | None = None
    for number, each in enumerate(served):
        for name, share in each.shares.items():
            if share <= 0:
                continue
            if name in gone:
                yield f"{place}: {share:g} % reach {name} again, which was taken back"
            elif name in over and number >= over[name][1]:
                yield f"{place}: {share:g} % reach {name}, whose {over[name][0]} is over"
        if before is not None and before.candidate is not None:
            had, has = (each_.shares.get(before.candidate, 0.0) for each_ in (before, each))
            if had > 0 and has == 0:
                gone.add(before.candidate)
        before = each
