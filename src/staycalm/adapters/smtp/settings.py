"""Which mail server, how to sign in, and from whom the mail is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from staycalm.kit.settings import Secret, setting


@dataclass(frozen=True)
class SmtpSettings:
    """Section `smtp`. Without `host` there is no e-mail, and e-mail contact methods say so."""

    host: str | None = setting(None, doc="Name or address of the SMTP submission server.")
    port: int = setting(587, doc="Port of the server: 587 for starttls, 465 for tls, 25 on a trusted network.")
    security: Literal["starttls", "tls", "none"] = setting(
        "starttls",
        doc="starttls: the connection must be upgraded before anything is said; tls: encrypted from the start; "
        "none: in the clear, only without a password or to this machine.",
    )
    ca_file: Path | None = setting(None, doc="PEM file of certificate authorities to trust besides the system's.")
    username: str = setting("", doc="User name for SMTP authentication; empty for none.")
    password: Secret = setting(Secret(""), doc="Password for SMTP authentication, as ${env:…} or ${file:…}.")
    sender: str = setting("staycalm@localhost", doc="Address the mail comes from and bounces go to.")
    sender_name: str = setting("StayCalm", doc="Name shown as the sender.")
    timeout_s: float = setting(10.0, unit="s", doc="Longest wait for one answer of the server.")
    deadline_s: float = setting(30.0, unit="s", doc="Longest time for one mail from connecting to accepted.")
