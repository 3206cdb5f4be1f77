"""Settings of on-call."""

from __future__ import annotations

from dataclasses import dataclass

from staycalm.core.priority import Priority
from staycalm.domains.oncall.notifications.decisions import Kind, Retry
from staycalm.kit.settings import setting


@dataclass(frozen=True)
class OncallSettings:
    """When people are paged, how long messages are tried, and how far ahead holes are looked for."""

    page_after_p0_s: float = setting(0.0, unit="s", doc="Time between the start of a P0 and its first page.")
    page_after_p1_s: float = setting(
        900.0, unit="s", doc="Time a P1 has been told without acknowledgement before its first page (SOP §4.3)."
    )
    acknowledgement_timeout_p0_s: float = setting(
        0.0, unit="s", doc="Time after which an acknowledged P0 pages again from the first step; 0 is never."
    )
    acknowledgement_timeout_p1_s: float = setting(
        0.0, unit="s", doc="Time after which an acknowledged P1 pages again from the first step; 0 is never."
    )
    link_valid_s: float = setting(86400.0, unit="s", doc="How long an acknowledgement link works.")
    send_lease_s: float = setting(
        3.0, unit="s", doc="Time after which a message counts as interrupted if whoever was sending it has died."
    )
    retry_base_s: float = setting(5.0, unit="s", doc="Wait after the first failed try; it doubles with each one.")
    retry_cap_s: float = setting(60.0, unit="s", doc="Longest wait between two tries.")
    page_deadline_s: float = setting(
        600.0,
        unit="s",
        doc="Time after which a page that cannot be delivered is given up for the next method; it is tried on, "
        "behind everything else, until somebody has it.",
    )
    notice_deadline_s: float = setting(
        14400.0, unit="s", doc="Time after which any other message that cannot be delivered is given up."
    )
    coverage_days: int = setting(30, unit="days", doc="How far ahead the nightly check looks for holes.")
    coverage_hour: int = setting(3, unit="hour", doc="Hour of the nightly check, in the schedule's time zone.")
    links_keep_s: float = setting(
        7 * 86400.0, unit="s", doc="How long an acknowledgement link is remembered after its end."
    )
    log_keep_s: float = setting(
        400 * 86400.0, unit="s", doc="How long the delivery log and stopped escalations are kept; 0 is for ever."
    )

    def page_after_s(self) -> dict[Priority, float]:
        """Return the delay before the first page per priority that pages at all."""
        return {"P0": self.page_after_p0_s, "P1": self.page_after_p1_s}

    def acknowledgement_timeout_s(self) -> dict[Priority, float]:
        """Return the time-out of an acknowledgement per priority that pages."""
        return {"P0": self.acknowledgement_timeout_p0_s, "P1": self.acknowledgement_timeout_p1_s}

    def retry(self, kind: Kind) -> Retry:
        """Return how long a message of this kind is tried."""
        deadline_s = self.page_deadline_s if kind == "page" else self.notice_deadline_s
        return Retry(self.retry_base_s, self.retry_cap_s, deadline_s)
