"""What is wrong with the coming weeks of a schedule. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from staycalm.domains.oncall.schedules.decisions import ROLES, Turn, gaps


@dataclass(frozen=True, slots=True)
class Finding:
    """One hole: a gap, a person who cannot be reached, or a schedule that hangs on one person.

    `is_notice`: said once and shown, but no alert, because nobody could mend it yet.
    """

    kind: Literal["gap", "unreachable", "one-person"]
    sentence: str
    starts_at: datetime
    ends_at: datetime
    person: str | None = None
    is_notice: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return what the row and the event hold."""
        return {
            "kind": self.kind,
            "sentence": self.sentence,
            "starts_at": self.starts_at.isoformat(),
            "ends_at": self.ends_at.isoformat(),
            "person": self.person,
            "is_notice": self.is_notice,
        }


def find_holes(
    turns: Sequence[Turn], unreachable: Mapping[str, str], *, is_founder: bool = False
) -> tuple[Finding, ...]:
    """Return the findings in `turns` by time; `unreachable` says of a person why no page would reach them.

    SOP "On-Call Rotation" wants a primary and a secondary. `is_founder`: the organisation has one person, so
    that one alone on call is a notice; from the second person on it is a hole like any other.
    """
    found = [
        Finding("gap", f"nobody is on call from {_minute(start)} to {_minute(end)}", start, end)
        for start, end in gaps(turns)
    ]
    for person, why in sorted(unreachable.items()):
        theirs = [t for t in turns if person in (t.primary, t.secondary)]
        if theirs:
            roles = "primary" if any(t.primary == person for t in theirs) else "secondary"
            sentence = f"{person} is {roles} from {_minute(theirs[0].starts_at)} and {why}"
            found.append(Finding("unreachable", sentence, theirs[0].starts_at, theirs[-1].ends_at, person))
    on_call = {holder for turn in turns for role in ROLES if (holder := turn.holder(role)) is not None}
    if len(on_call) == 1:
        person = next(iter(on_call))
        sentence = f"{person} alone is on call: nobody backs them up and nobody relieves them"
        start, end = turns[0].starts_at, turns[-1].ends_at
        found.append(Finding("one-person", sentence, start, end, person, is_notice=is_founder))
    return tuple(sorted(found, key=lambda f: (f.starts_at, f.kind, f.person or "")))


def _minute(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M UTC")
