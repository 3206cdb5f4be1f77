"""The life of one message to one address."""

from __future__ import annotations

from typing import Literal

State = Literal["pending", "sending", "sent", "failed", "cancelled"]

# "sending" claimed again: the process that had it went away between sending and recording.
NOTIFICATION = {
    ("pending", "claim"): "sending",
    ("pending", "give_up"): "failed",
    ("pending", "cancel"): "cancelled",
    ("sending", "claim"): "sending",
    ("sending", "accept"): "sent",
    ("sending", "retry"): "pending",
    ("sending", "give_up"): "failed",
    ("sending", "cancel"): "cancelled",
}
LATE = 99
"""The urgency of a page that was given up for the next method, and is tried on behind everything else."""
FINAL: frozenset[str] = frozenset({"sent", "failed", "cancelled"})
