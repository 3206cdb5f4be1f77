"""How webhooks are signed and where they may go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from staycalm.kit.settings import Secret, setting


@dataclass(frozen=True)
class WebhookSettings:
    """Section `webhook`."""

    secret: Secret = setting(
        Secret(""),
        doc="Key the receiver checks the signature with (Standard Webhooks; whsec_… or any text), as ${env:…} or "
        "${file:…}; empty sends unsigned.",
    )
    allow_networks: tuple[str, ...] = setting(
        (),
        doc="Private networks receivers may be in, such as 10.20.0.0/16; plain http is accepted there only. "
        "Link-local and cloud metadata addresses are refused even so.",
    )
    ca_file: Path | None = setting(None, doc="PEM file of certificate authorities to trust besides the system's.")
    timeout_s: float = setting(10.0, unit="s", doc="Longest time from looking the name up to the answer's status.")
