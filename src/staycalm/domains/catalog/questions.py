"""What catalog asks of domains above it: to read, compare and apply their own sections of the file.

`app/wiring.py` hands one FileSection per section to the catalog's API. Order of a run: every section
is parsed (problems of the whole file together), then planned, then applied, in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from staycalm.core.actor import Actor
from staycalm.core.placement import Placement
from staycalm.domains.catalog.located import Node

if TYPE_CHECKING:
    from staycalm.kit.database import ReadTx, Tx


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the difference. `what` names the thing ("service shop"), `detail` says how it changes."""

    kind: Literal["add", "change", "remove"]
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """Everything a section may refer to: what this file declares, and what the web manages.

    `references` are the places where catalog's own sections name a thing of an upper domain, by kind:
    "escalation_policy", "strategy". The section that owns the kind reports the unknown ones with
    `node.reference(known, "escalation policy")`. `declared` are the names under each upper section's key,
    by section: so one section may refer to what another one of the same file declares.
    """

    people: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    environments: frozenset[str] = frozenset()
    placements: frozenset[Placement] = frozenset()
    references: Mapping[str, tuple[Node, ...]] = field(default_factory=dict)
    declared: Mapping[str, frozenset[str]] = field(default_factory=dict)
    time_zone: str = "UTC"


class FileSection(Protocol):
    """One section of `staycalm.yaml` that an upper domain owns. Objects are its own frozen values."""

    @property
    def name(self) -> str:
        """The key in the file, such as `schedules`."""
        ...

    @property
    def under(self) -> Literal["file", "person"]:
        """Where the key stands: at the top of the file, or in every entry of `people`."""
        ...

    def parse(self, node: Node, names: Names) -> tuple[Any, ...]:
        """Return the declared objects. Problems are reported on nodes (`node.report`), or raised as Invalid.

        Called with an absent node when the key is not there. For `under` "person" it is called once per
        person (`node.path[1]` is the handle), and the results are put together.
        """
        ...

    def plan(self, tx: ReadTx, objects: tuple[Any, ...]) -> tuple[Change, ...]:
        """Return the difference between `objects` and what the file manages now; empty when equal."""
        ...

    def apply(self, tx: Tx, actor: Actor, objects: tuple[Any, ...]) -> None:
        """Exactly `objects` are what the file manages; the same objects twice change nothing."""
        ...
