"""What changed in the catalog. The subject is `KIND/NAME`, such as `service/shop`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from staycalm.core.events import Event


@dataclass(frozen=True, kw_only=True)
class CatalogChanged(Event):
    """One thing was added, changed or removed; `detail` says how, never with a value of `env`."""

    name: ClassVar[str] = "catalog.changed"
    kind: str
    what: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class PlacementChanged(Event):
    """A placement was added, changed or removed; the subject is `placement/SERVICE@ENVIRONMENT`."""

    name: ClassVar[str] = "catalog.placement_changed"
    kind: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class FileApplied(Event):
    """The file is in force; the subject is `catalog`. Counts include the sections of other domains."""

    name: ClassVar[str] = "catalog.file_applied"
    file: str
    added: int
    changed: int
    removed: int
