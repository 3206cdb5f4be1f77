"""What a report does to what is known: nothing, a change, a new alert, or its end. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from staycalm.core.errors import Invalid
from staycalm.core.placement import check_name
from staycalm.core.priority import Priority, is_at_least
from staycalm.domains.alerts.machine import AlertState

Status = Literal["firing", "resolved"]
Escalates = Literal["incident", "group", "none"]
Action = Literal["open", "change", "close", "nothing"]

OWN_SERVICE = "staycalm"
KEY_LIMIT = 255
SUMMARY_LIMIT = 500
LABELS_LIMIT = 64
LABEL_LIMIT = 200
DETAILS_LIMIT = 16_384
RULES_PER_GROUP = 50
SUPPRESSED = "suppressed"
SETTLED: Priority = "P3"
"""What counts as told of a rule once its incident has ended: the next alert of it is news as if it were risen."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Report:
    """One telling of one condition. Empty `service` or `environment`: it concerns none in particular."""

    dedup_key: str
    summary: str
    priority: Priority = "P2"
    status: Status = "firing"
    service: str = ""
    environment: str = ""
    rule: str = ""
    source: str = "api"
    labels: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    escalates: Escalates | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """The open alert with a report's key, as far as deciding needs it."""

    id: str
    state: AlertState
    priority: Priority
    summary: str
    labels: Mapping[str, str]
    details: Mapping[str, Any]


def check_report(report: Report) -> Report:
    """Return the report in its normal form; raises Invalid when it cannot be kept as it is."""
    for name, what in ((report.service, "service"), (report.environment, "environment")):
        if name:
            check_name(name, what)
    summary = _CONTROL.sub(" ", report.summary).strip()[:SUMMARY_LIMIT]
    if not summary:
        raise Invalid("no-summary", "an alert needs a summary", next_step="Say in one line what is wrong.")
    rule = _CONTROL.sub(" ", report.rule).strip()[:LABEL_LIMIT] or _rule_of_nothing(report, summary)
    key = report.dedup_key.strip() or f"{rule}/{report.environment}/{summary}"[:KEY_LIMIT]
    if len(key) > KEY_LIMIT or _CONTROL.search(key):
        raise Invalid("bad-dedup-key", f"dedup_key must be one line of at most {KEY_LIMIT} characters")
    if len(report.labels) > LABELS_LIMIT or any(
        len(k) > LABEL_LIMIT or len(v) > LABEL_LIMIT for k, v in report.labels.items()
    ):
        raise Invalid("bad-labels", f"at most {LABELS_LIMIT} labels of at most {LABEL_LIMIT} characters each")
    if report.details and len(json.dumps(report.details, default=str)) > DETAILS_LIMIT:
        raise Invalid("bad-details", f"details must be at most {DETAILS_LIMIT} characters of JSON")
    if (summary, rule, key) == (report.summary, report.rule, report.dedup_key):
        return report
    return replace(report, summary=summary, rule=rule, dedup_key=key)


def _rule_of_nothing(report: Report, summary: str) -> str:
    """Return what stands for a rule that was not told: the source, for signs of one placement are handled as one.

    Those of none in particular have nothing in common but who says so, and are not told as one.
    """
    return report.source if report.service or report.environment else summary[:LABEL_LIMIT]


def firing(
    *,
    dedup_key: str,
    summary: str,
    priority: Priority,
    service: str | None = None,
    environment: str | None = None,
    rule: str = "",
    source: str = "api",
    labels: Mapping[str, str] | None = None,
    details: Mapping[str, Any] | None = None,
    escalates: Escalates | None = None,
) -> Report:
    """Return the checked report of something that fires; raises Invalid."""
    report = Report(
        dedup_key, summary, priority, "firing", service or "", environment or "", rule, source, labels or {},
        details or {}, escalates,
    )  # fmt: skip
    return check_report(report)


def action_for(report: Report, known: Known | None) -> Action:
    """Return what the report does. A re-send of a known alert does nothing when nothing changed."""
    if report.status == "resolved":
        return "close" if known is not None else "nothing"
    if known is None:
        return "open"
    same = (
        known.priority == report.priority
        and known.summary == report.summary
        and dict(known.labels) == dict(report.labels)
        and dict(known.details) == dict(report.details)
    )
    return "nothing" if same else "change"


def rounds(reports: Sequence[tuple[int, Report]]) -> list[list[tuple[int, Report]]]:
    """Return the reports in rounds in which each key occurs once, keeping the order per key."""
    found: list[list[tuple[int, Report]]] = []
    times: dict[tuple[str, str], int] = {}
    for index, report in reports:
        key = (report.service, report.dedup_key)
        nth = times.get(key, 0)
        times[key] = nth + 1
        if nth == len(found):
            found.append([])
        found[nth].append((index, report))
    return found


def is_news(announced: Mapping[str, str], rule: str, priority: Priority, *, is_resend: bool = False) -> bool:
    """Return True when a firing rule is worth an event: new in the group, more urgent, or muted until now.

    `announced` maps a rule to the priority last told, or to "suppressed". A group that has already told of
    fifty rules only tells of more urgent ones. `is_resend`: the alert was there before, as urgent as now; its
    rule is not more urgent by it, even if what was told of the rule no longer counts.
    """
    told = announced.get(rule)
    if told is None and len(announced) >= RULES_PER_GROUP:
        loud = [p for p in announced.values() if p != SUPPRESSED]
        return all(priority < p for p in loud)
    if told is None or told == SUPPRESSED:
        return True
    return not is_resend and told != priority and is_at_least(priority, told)  # type: ignore[arg-type]
