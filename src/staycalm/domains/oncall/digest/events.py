"""What people decided about their digest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from staycalm.core.events import Event


@dataclass(frozen=True, kw_only=True)
class DigestChanged(Event):
    """`person` gets a digest every day at `at` (HH:MM in their zone); None: no digest any more."""

    name: ClassVar[str] = "oncall.digest_changed"

    person: str
    at: str | None
