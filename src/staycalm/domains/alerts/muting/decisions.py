"""Which silence or maintenance mutes an alert. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from staycalm.core.durations import format_duration
from staycalm.core.errors import Invalid

Operator = Literal["=", "!="]
_MATCHER = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.-]{0,99})\s*(!=|=)\s*(.{0,200}?)\s*\Z", re.DOTALL)
MATCHERS_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; `*` at the end of the value stands for anything. An absent label reads as ""."""

    label: str
    operator: Operator
    value: str

    def __str__(self) -> str:
        return f"{self.label}{self.operator}{self.value}"

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return True when the labels satisfy it."""
        found = labels.get(self.label, "")
        prefix = self.value[:-1] if self.value.endswith("*") else None
        is_equal = found == self.value if prefix is None else found.startswith(prefix)
        return is_equal == (self.operator == "=")


@dataclass(frozen=True, slots=True)
class Silence:
    """Muting by label matchers, all of which must match; in force in [starts_at, until)."""

    id: str
    matchers: tuple[Matcher, ...]
    reason: str
    owner: str
    starts_at: datetime
    until: datetime

    def mutes(self, labels: Mapping[str, str]) -> bool:
        """Return True when every matcher matches."""
        return all(matcher.matches(labels) for matcher in self.matchers)


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Muting of a scope: None as service or environment means every one; in force in [starts_at, until)."""

    id: str
    service: str | None
    environment: str | None
    reason: str
    owner: str
    starts_at: datetime
    until: datetime

    def mutes(self, labels: Mapping[str, str]) -> bool:
        """Return True when the alert lies in the scope."""
        return self.service in (None, labels.get("service")) and self.environment in (
            None,
            labels.get("environment"),
        )


Mute = Silence | Maintenance


def parse_matcher(text: str) -> Matcher:
    """Return the matcher written as `label=value`, `label!=value` or `label=prefix*`; else raise Invalid."""
    match = _MATCHER.match(text)
    if match is None or "\n" in text:
        raise Invalid(
            "bad-matcher",
            f"{text[:60]!r} is not a matcher",
            next_step="Write label=value, label!=value, or label=prefix*; labels are service, environment, "
            "rule, priority and the alert's own.",
        )
    label, operator, value = match.groups()
    return Matcher(label, "=" if operator == "=" else "!=", value)


def parse_matchers(texts: Sequence[str]) -> tuple[Matcher, ...]:
    """Return the matchers; raises Invalid when together they would silence everything (maintenance does that)."""
    if not 1 <= len(texts) <= MATCHERS_LIMIT:
        raise Invalid("bad-matchers", f"a silence needs 1 to {MATCHERS_LIMIT} matchers")
    matchers = tuple(parse_matcher(text) for text in texts)
    if not any(m.operator == "=" and m.value not in ("", "*") for m in matchers):
        raise Invalid(
            "matches-everything",
            "the matchers name no value, so they would silence nearly everything",
            next_step="Name at least one, such as service=shop; to mute everything start a maintenance.",
        )
    return matchers


def check_reason(reason: str) -> str:
    """Return the reason without surrounding blanks; raises Invalid when there is none."""
    text = " ".join(reason.split())[:500]
    if not text:
        raise Invalid("no-reason", "a reason is needed", next_step="Say why, for whoever looks at it at night.")
    return text


def check_until(until: datetime, *, now: datetime, longest_s: float, what: str) -> datetime:
    """Return the end; raises Invalid when it has passed or lies further away than is allowed."""
    if until <= now:
        raise Invalid("bad-until", f"the {what} would end before it begins")
    if until > now + timedelta(seconds=longest_s):
        raise Invalid(
            "too-long",
            f"a {what} may last {format_duration(longest_s)} at most",
            next_step="Choose an earlier end; it can be extended later.",
        )
    return until


def find_mute(mutes: Iterable[Mute], labels: Mapping[str, str], now: datetime) -> Mute | None:
    """Return what mutes an alert with these labels now, the one that lasts longest; None when nothing does."""
    in_force = (m for m in mutes if m.starts_at <= now < m.until and m.mutes(labels))
    return max(in_force, key=lambda m: (m.until, m.id), default=None)


def muting_labels(
    *, service: str, environment: str, rule: str, priority: str, labels: Mapping[str, str]
) -> dict[str, str]:
    """Return what matchers look at; an alert's own labels cannot pose as the four known ones."""
    return {**labels, "service": service, "environment": environment, "rule": rule, "priority": priority}
