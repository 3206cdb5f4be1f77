"""What an override would change, before anybody agrees to it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from staycalm.domains.oncall.schedules.decisions import ROLES, Override, Role, Schedule, Turn, pieces


@dataclass(frozen=True, slots=True)
class Difference:
    """From `starts_at` until before `ends_at` `after` holds the role, where `before` would have."""

    role: Role
    starts_at: datetime
    ends_at: datetime
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What `proposed` changes from now on, and what is worth a second thought."""

    proposed: tuple[Override, ...]
    differences: tuple[Difference, ...]
    warnings: tuple[str, ...]


def preview(
    schedule: Schedule, overrides: Sequence[Override], proposed: Sequence[Override], now: datetime
) -> Preview:
    """Return what adding `proposed` (at least one, each ends after now) to the overrides in force would change."""
    start = max(now, min(o.starts_at for o in proposed))
    end = max(o.ends_at for o in proposed)
    after = [*overrides, *proposed]
    new = list(pieces(schedule, after, start, end))
    old = [next(pieces(schedule, overrides, turn.starts_at, turn.ends_at)) for turn in new]
    pairs = list(zip(old, new, strict=True))
    differences = tuple(d for role in ROLES for d in _differences(pairs, role))
    found = sorted(differences, key=lambda d: (d.starts_at, d.role))
    return Preview(tuple(proposed), tuple(found), _warnings(schedule, overrides, proposed, found, new, now))


def moment(instant: datetime, schedule: Schedule) -> str:
    """Return the wall-clock time of the schedule, such as `Mon 2 Mar 09:00`."""
    local = instant.astimezone(schedule.zone)
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def _differences(pairs: Sequence[tuple[Turn, Turn]], role: Role) -> list[Difference]:
    found: list[Difference] = []
    for old, new in pairs:
        before, after = old.holder(role), new.holder(role)
        if before == after:
            continue
        last = found[-1] if found else None
        if last is not None and (last.ends_at, last.before, last.after) == (new.starts_at, before, after):
            found[-1] = replace(last, ends_at=new.ends_at)
        else:
            found.append(Difference(role, new.starts_at, new.ends_at, before, after))
    return found


def _warnings(
    schedule: Schedule, overrides: Sequence[Override], proposed: Sequence[Override],
    differences: Sequence[Difference], after: Sequence[Turn], now: datetime,
) -> tuple[str, ...]:  # fmt: skip
    found: list[str] = []
    for each in proposed:
        if not any(d.role == each.role and d.after == each.person for d in differences):
            found.append(f"nothing changes for {each.person}: {each.role} in that time already")
        found += [
            f"{old.person} was put in as {old.role} from {moment(old.starts_at, schedule)} to "
            f"{moment(old.ends_at, schedule)}: where the two meet, the new one counts"
            for old in overrides
            if old.role == each.role and old.person != each.person and old.ends_at > now
            and old.starts_at < each.ends_at and each.starts_at < old.ends_at
        ]  # fmt: skip
    found += [
        f"nobody is primary from {moment(turn.starts_at, schedule)} to {moment(turn.ends_at, schedule)}"
        for turn in after
        if turn.primary is None
    ]
    found += [
        f"nobody backs {_primary(after, d.starts_at)} up from {moment(d.starts_at, schedule)} "
        f"to {moment(d.ends_at, schedule)}"
        for d in differences
        if d.role == "secondary" and d.after is None
    ]
    return tuple(dict.fromkeys(found))


def _primary(turns: Sequence[Turn], instant: datetime) -> str:
    held = next((t.primary for t in turns if t.starts_at <= instant < t.ends_at), None)
    return held or "the schedule"
