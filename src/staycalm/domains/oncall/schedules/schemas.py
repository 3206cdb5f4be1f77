"""Wire types of shifts, previews and swaps."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from staycalm.domains.oncall.schedules.preview import Preview
from staycalm.domains.oncall.schedules.stints import Shift

RoleName = Literal["primary", "secondary"]


class DifferenceOut(BaseModel):
    """From `starts_at` until before `ends_at` `after` holds the role, where `before` would have; null: nobody."""

    role: RoleName
    starts_at: datetime
    ends_at: datetime
    before: str | None
    after: str | None


class DraftOut(BaseModel):
    """An override that would be added."""

    role: RoleName
    person: str
    starts_at: datetime
    ends_at: datetime
    reason: str


class PreviewOut(BaseModel):
    """What would be added, what that changes from now on, and what is worth a second thought."""

    overrides: list[DraftOut]
    changes: list[DifferenceOut]
    warnings: list[str]


class NewSwap(BaseModel):
    """The primaries at these two instants take each other's shift."""

    model_config = ConfigDict(extra="forbid")

    first: AwareDatetime
    second: AwareDatetime
    reason: Annotated[str, Field(max_length=500)] = ""


class ShiftOut(BaseModel):
    """One person in one role. `is_override`: not by the rotation."""

    schedule: str
    role: RoleName
    person: str | None
    starts_at: datetime
    ends_at: datetime
    is_override: bool


class ShiftPage(BaseModel):
    items: list[ShiftOut]


def preview_out(found: Preview) -> PreviewOut:
    return PreviewOut(
        overrides=[DraftOut.model_validate(each, from_attributes=True) for each in found.proposed],
        changes=[DifferenceOut.model_validate(each, from_attributes=True) for each in found.differences],
        warnings=list(found.warnings),
    )


def shift_out(shift: Shift) -> ShiftOut:
    return ShiftOut(
        schedule=shift.schedule,
        role=shift.role,
        person=shift.person,
        starts_at=shift.starts_at,
        ends_at=shift.ends_at,
        is_override=bool(shift.overrides),
    )
