"""What the watchdog watches, how patient it is, and whom it tells."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from staycalm.adapters.ntfy import NtfySettings
from staycalm.adapters.smtp import SmtpSettings
from staycalm.adapters.webhook import WebhookSettings
from staycalm.core.errors import Invalid
from staycalm.kit.settings import setting


@dataclass(frozen=True)
class WatchSettings:
    """Section `watch`."""

    server: str = setting("", doc="Address of the server to watch, such as https://staycalm.example.org.")
    every_s: float = setting(10.0, unit="s", doc="Time between two checks.")
    timeout_s: float = setting(5.0, unit="s", doc="Longest wait for the server's whole answer.")
    checks: int = setting(3, unit="checks", doc="Page after so many failed checks in a row.")
    repeat_s: float = setting(900.0, unit="s", doc="Page again after this time, as long as it lasts.")
    email: str = setting("", doc="Mailbox to page; needs smtp.host.")
    webhook: str = setting("", doc="Address to page with signed JSON.")
    ntfy: str = setting("", doc="ntfy topic to page; needs ntfy.server.")
    ca_file: Path | None = setting(None, doc="PEM file of authorities to trust for the server's certificate.")


@dataclass(frozen=True)
class Settings:
    """The watchdog's configuration: `[watch]`, `[smtp]`, `[webhook]` and `[ntfy]` of its own file."""

    watch: WatchSettings = dataclasses.field(default_factory=WatchSettings)
    smtp: SmtpSettings = dataclasses.field(default_factory=SmtpSettings)
    webhook: WebhookSettings = dataclasses.field(default_factory=WebhookSettings)
    ntfy: NtfySettings = dataclasses.field(default_factory=NtfySettings)


def check(settings: Settings) -> None:
    """The watchdog could page with these settings, or this raises Invalid with what is missing."""
    watch = settings.watch
    if not watch.server.startswith(("http://", "https://")):
        raise Invalid(
            "no-server",
            f"{watch.server or 'nothing'} is not an address to watch",
            next_step="Name the server's URL.",
        )
    if not (watch.email or watch.webhook or watch.ntfy):
        raise Invalid(
            "no-contact",
            "the watchdog has nobody to page",
            next_step="Give it a contact: --email, --webhook or --ntfy, or [watch] in its settings.",
        )
    for value, needed, where in (
        (watch.email, settings.smtp.host, "smtp.host (SC_SMTP_HOST, --smtp-host)"),
        (watch.ntfy, settings.ntfy.server, "ntfy.server (SC_NTFY_SERVER, --ntfy-server)"),
    ):
        if value and not needed:
            raise Invalid("no-channel", f"to page {value} the watchdog needs {where}", next_step="Set it.")
    if watch.every_s < 0.1 or watch.timeout_s <= 0 or watch.checks < 1 or watch.repeat_s < watch.every_s:
        raise Invalid(
            "bad-patience",
            "every must be at least 0.1s, checks at least 1, timeout positive, repeat not shorter than every",
            next_step="Mend [watch].",
        )
