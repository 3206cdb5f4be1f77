"""The workflow of an incident (SOP §5.1): triage, investigation, mitigation and its verification, the end."""

from __future__ import annotations

from typing import Literal

from staycalm.core.machine import Transitions

State = Literal["triage", "investigating", "mitigated", "resolved", "closed"]
OPEN: frozenset[str] = frozenset({"triage", "investigating", "mitigated"})

INCIDENT: Transitions = {
    ("triage", "acknowledge"): "investigating",
    ("triage", "mitigate"): "mitigated",
    ("triage", "resolve"): "resolved",
    ("investigating", "mitigate"): "mitigated",
    ("investigating", "resolve"): "resolved",
    # Verification failed: the SOP's "Resolved? No" leads back to the investigation.
    ("mitigated", "investigate"): "investigating",
    ("mitigated", "resolve"): "resolved",
    # Whoever had it has it no more: until somebody takes it anew, nobody has.
    ("resolved", "reopen"): "triage",
    ("resolved", "close"): "closed",
    ("closed", "reopen"): "triage",
}
