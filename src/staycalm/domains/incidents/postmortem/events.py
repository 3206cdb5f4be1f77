"""What happened to post-mortems (subject INC-n) and action items (subject ACT-n)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from staycalm.core.events import Event


@dataclass(frozen=True, kw_only=True)
class PostMortemWritten(Event):
    """These sections have a new version. The words themselves stay with the post-mortem."""

    name: ClassVar[str] = "incidents.post_mortem_written"

    sections: list[str]
    versions: list[int]


@dataclass(frozen=True, kw_only=True)
class PostMortemMoved(Event):
    """It is `state` now, for review or back to a draft."""

    name: ClassVar[str] = "incidents.post_mortem_moved"

    state: str
    previous: str


@dataclass(frozen=True, kw_only=True)
class PostMortemPublished(Event):
    """It is published and frozen."""

    name: ClassVar[str] = "incidents.post_mortem_published"


@dataclass(frozen=True, kw_only=True)
class PostMortemAmended(Event):
    """Something was appended to the published post-mortem."""

    name: ClassVar[str] = "incidents.post_mortem_amended"

    amendment: str


@dataclass(frozen=True, kw_only=True)
class PostMortemOverdue(Event):
    """It was due at `due_at` (ISO 8601, UTC) and is not published."""

    name: ClassVar[str] = "incidents.post_mortem_overdue"

    due_at: str


@dataclass(frozen=True, kw_only=True)
class ActionItemAdded(Event):
    """`owner` is to do `what` by the end of `due_on` (ISO 8601), because of the incident."""

    name: ClassVar[str] = "incidents.action_item_added"

    incident: str
    what: str
    kind: str
    owner: str
    due_on: str


@dataclass(frozen=True, kw_only=True)
class ActionItemChanged(Event):
    """It reads so from now on; `previous` holds the old values of what changed."""

    name: ClassVar[str] = "incidents.action_item_changed"

    incident: str
    what: str
    kind: str
    owner: str
    due_on: str
    previous: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class ActionItemFinished(Event):
    """It is done."""

    name: ClassVar[str] = "incidents.action_item_finished"

    incident: str


@dataclass(frozen=True, kw_only=True)
class ActionItemDropped(Event):
    """It will not be done, for this reason."""

    name: ClassVar[str] = "incidents.action_item_dropped"

    incident: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ActionItemReopened(Event):
    """It is to be done again."""

    name: ClassVar[str] = "incidents.action_item_reopened"

    incident: str


@dataclass(frozen=True, kw_only=True)
class ActionItemOverdue(Event):
    """The day on which it was due is over."""

    name: ClassVar[str] = "incidents.action_item_overdue"

    incident: str
    owner: str
    due_on: str


ALL: tuple[type[Event], ...] = (
    PostMortemWritten, PostMortemMoved, PostMortemPublished, PostMortemAmended, PostMortemOverdue,
    ActionItemAdded, ActionItemChanged, ActionItemFinished, ActionItemDropped, ActionItemReopened,
    ActionItemOverdue,
)  # fmt: skip
