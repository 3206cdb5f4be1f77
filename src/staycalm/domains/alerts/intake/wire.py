"""The webhook's body: one report or a list of them, as plain JSON."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from staycalm.core.errors import Invalid
from staycalm.core.priority import Priority, parse_priority
from staycalm.domains.alerts.decisions import Report, check_report

REPORTS_LIMIT = 1000
BODY_LIMIT_BYTES = 2 * 1024 * 1024
DEFAULT_PRIORITY: Priority = "P2"


class Incoming(msgspec.Struct):
    """One report. Unknown fields are ignored: a sender that says more loses no alert."""

    summary: str = ""
    status: Literal["firing", "resolved"] = "firing"
    service: str = ""
    environment: str = ""
    priority: str | None = None
    severity: str | None = None
    dedup_key: str = ""
    rule: str = ""
    source: str = "webhook"
    labels: dict[str, str] = {}
    details: dict[str, Any] = {}


_DECODER = msgspec.json.Decoder(Incoming | list[Incoming])


def read_reports(body: bytes) -> list[Report]:
    """Return the checked reports; raises Invalid naming the report and the field. All are kept, or none."""
    try:
        read = _DECODER.decode(body)
    except msgspec.ValidationError as error:
        raise Invalid(
            "bad-report", f"the body is not a report: {error}", next_step="See docs/howto/send-alerts.md."
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Invalid("bad-json", "the body is not JSON", next_step="Send one JSON object, or a list.") from None
    incoming = read if isinstance(read, list) else [read]
    if not 1 <= len(incoming) <= REPORTS_LIMIT:
        raise Invalid("too-many", f"one request holds 1 to {REPORTS_LIMIT} reports, this one {len(incoming)}")
    return [_report(each, nth, len(incoming)) for nth, each in enumerate(incoming)]


def _report(each: Incoming, nth: int, many: int) -> Report:
    said = each.priority or each.severity
    try:
        return check_report(
            Report(
                dedup_key=each.dedup_key,
                summary=each.summary or (each.dedup_key if each.status == "resolved" else ""),
                priority=parse_priority(said) if said else DEFAULT_PRIORITY,
                status=each.status,
                service=each.service,
                environment=each.environment,
                rule=each.rule or each.labels.get("alertname", ""),
                source=each.source[:100] or "webhook",
                labels=each.labels,
                details=each.details,
            )
        )
    except Invalid as refusal:
        if many > 1:
            refusal.message = f"report {nth}: {refusal.message}"
        raise
