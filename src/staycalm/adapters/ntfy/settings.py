"""Which ntfy server, and how to sign in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from staycalm.kit.settings import Secret, setting


@dataclass(frozen=True)
class NtfySettings:
    """Section `ntfy`. Without `server` there are no pushes, and ntfy contact methods say so."""

    server: str | None = setting(None, doc="Base address of the server, such as https://ntfy.sh or your own.")
    token: Secret = setting(Secret(""), doc="Access token (tk_…) as ${env:…} or ${file:…}; empty for open topics.")
    ca_file: Path | None = setting(None, doc="PEM file of certificate authorities to trust besides the system's.")
    timeout_s: float = setting(10.0, unit="s", doc="Longest time from connecting to the answer's status.")
