"""The life of an escalation."""

from __future__ import annotations

from typing import Literal

State = Literal["escalating", "acknowledged", "exhausted", "stopped"]

# An exhausted escalation is still open: a late answer counts, and it can be told to page again.
ESCALATION = {
    ("escalating", "acknowledge"): "acknowledged",
    ("escalating", "exhaust"): "exhausted",
    ("escalating", "page_again"): "escalating",
    ("escalating", "stop"): "stopped",
    ("acknowledged", "page_again"): "escalating",
    ("acknowledged", "stop"): "stopped",
    ("exhausted", "acknowledge"): "acknowledged",
    ("exhausted", "page_again"): "escalating",
    ("exhausted", "stop"): "stopped",
}
