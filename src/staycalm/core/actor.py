"""Who did it: every state change has an author."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["person", "service", "system", "anonymous"]


@dataclass(frozen=True, slots=True)
class Actor:
    """The author of a change. `id` is a person's handle, or the name of a service role."""

    kind: ActorKind
    id: str
    name: str = ""

    def __str__(self) -> str:
        return self.id if self.kind == "person" else f"{self.kind}:{self.id}"


SYSTEM = Actor("system", "staycalm", "StayCalm")
ANONYMOUS = Actor("anonymous", "anonymous", "nobody signed in")
