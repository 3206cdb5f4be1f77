"""What a service needs and what needs it, laid out in layers from left to right. Pure.

A layer is a distance: those that need it stand on the left, what it needs on the right. Each service stands
once, where it was first met, so cycles end; what does not fit is counted, not drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FAR = 2
MOST_IN_LAYER = 12
NODE_WIDTH, NODE_HEIGHT = 168, 38
GAP_X, GAP_Y = 72, 14
LABEL = 20
Needs = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Node:
    """A service at its place (top left, in pixels). `layer` is 0 for the one the picture is about."""

    name: str
    layer: int
    x: int
    y: int

    @property
    def label(self) -> str:
        return self.name if len(self.name) <= LABEL else self.name[: LABEL - 1] + "…"


@dataclass(frozen=True, slots=True)
class Edge:
    """`needer` needs `needed`; `is_back` when that leads to an earlier layer or stays in one: a cycle is near."""

    needer: str
    needed: str
    path: str
    is_back: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """The drawing; `left_out` is how many services had no room."""

    width: int
    height: int
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    left_out: int


def draw(name: str, needs: Needs) -> Picture:
    """Return the picture of everything at most two steps away from the service."""
    needed_by: dict[str, list[str]] = {}
    for needer, found in needs.items():
        for needed in found:
            needed_by.setdefault(needed, []).append(needer)
    layers: dict[int, list[str]] = {0: [name]}
    seen = {name}
    left_out = 0
    for sign, links in ((1, needs), (-1, needed_by)):
        for distance in range(1, FAR + 1):
            before = layers.get(sign * (distance - 1), [])
            found = sorted({other for each in before for other in links.get(each, ())} - seen)
            seen |= set(found)
            left_out += max(0, len(found) - MOST_IN_LAYER)
            if found:
                layers[sign * distance] = found[:MOST_IN_LAYER]
    return _placed(layers, needs, left_out)


def _placed(layers: Mapping[int, Sequence[str]], needs: Needs, left_out: int) -> Picture:
    tallest = max(len(names) for names in layers.values())
    height = tallest * (NODE_HEIGHT + GAP_Y) - GAP_Y
    nodes: dict[str, Node] = {}
    for column, layer in enumerate(sorted(layers)):
        names = layers[layer]
        used = len(names) * (NODE_HEIGHT + GAP_Y) - GAP_Y
        for row, name in enumerate(names):
            y = (height - used) // 2 + row * (NODE_HEIGHT + GAP_Y)
            nodes[name] = Node(name, layer, column * (NODE_WIDTH + GAP_X), y)
    edges = tuple(
        _edge(nodes[needer], nodes[needed])
        for needer in sorted(nodes)
        for needed in sorted(set(needs.get(needer, ())))
        if needed in nodes and needed != needer
    )
    width = len(layers) * (NODE_WIDTH + GAP_X) - GAP_X
    return Picture(width, height, tuple(nodes.values()), edges, left_out)


def _edge(needer: Node, needed: Node) -> Edge:
    is_back = needed.layer <= needer.layer
    start_y, end_y = needer.y + NODE_HEIGHT // 2, needed.y + NODE_HEIGHT // 2
    if is_back:
        # Around below or above both, so that it does not hide behind a node.
        x, to_x = needer.x + NODE_WIDTH // 2, needed.x + NODE_WIDTH // 2
        dip = max(needer.y, needed.y) + NODE_HEIGHT + 24
        path = f"M{x} {needer.y + NODE_HEIGHT}C{x} {dip} {to_x} {dip} {to_x} {needed.y + NODE_HEIGHT}"
        return Edge(needer.name, needed.name, path, is_back)
    x, to_x = needer.x + NODE_WIDTH, needed.x
    middle = (x + to_x) // 2
    return Edge(
        needer.name, needed.name, f"M{x} {start_y}C{middle} {start_y} {middle} {end_y} {to_x} {end_y}", is_back
    )
