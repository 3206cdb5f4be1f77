"""Paging by the watchdog's own contacts: all of them, and at least one has to take it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from staycalm.adapters.ntfy import NtfyChannel
from staycalm.adapters.smtp import SmtpChannel
from staycalm.adapters.webhook import WebhookChannel
from staycalm.core.durations import format_duration
from staycalm.core.errors import PortError
from staycalm.kit.clock import Clock
from staycalm.ports.messages import Channel, Message
from staycalm.watch.decisions import Tell, Watched
from staycalm.watch.settings import Settings

logger = logging.getLogger("staycalm.watch")


@dataclass(frozen=True)
class Contact:
    """A channel and an address of it."""

    channel: Channel
    address: str


def contacts(settings: Settings, clock: Clock) -> tuple[Contact, ...]:
    """Return whom to page. Raises InvalidSpec for an address that cannot be one."""
    found: list[tuple[Channel, str]] = []
    if settings.watch.email:
        found.append((SmtpChannel(settings.smtp, clock), settings.watch.email))
    if settings.watch.webhook:
        found.append((WebhookChannel(settings.webhook, clock), settings.watch.webhook))
    if settings.watch.ntfy:
        found.append((NtfyChannel(settings.ntfy), settings.watch.ntfy))
    return tuple(Contact(channel, channel.check_address(address)) for channel, address in found)


async def tell(everybody: tuple[Contact, ...], message: Message) -> int:
    """Return how many contacts took the message; what refused it is in the log."""
    taken = await asyncio.gather(*(_send(contact, message) for contact in everybody))
    return sum(taken)


async def _send(contact: Contact, message: Message) -> bool:
    try:
        await contact.channel.send(contact.address, message)
    except PortError as error:
        logger.error("a contact was not reached", extra={"channel": contact.channel.kind, "reason": str(error)})
        return False
    return True


def page(server: str, known: Watched, clock: Clock) -> Message:
    """Return the page: what is silent, since when, what to do."""
    assert known.failing_since is not None
    lasted = format_duration((clock.now() - known.failing_since).total_seconds())
    again = f" (still, message {known.tells + 1})" if known.tells else ""
    return Message(
        subject=f"P0 StayCalm is silent{again}: {server}",
        text=f"{server} failed {known.failures} checks in a row, for {lasted}: {known.problem}.\n\n"
        "While it is down nothing is rolled back by itself and nobody is paged for anything else.\n"
        "Look at its machine; `sc up` starts it again and it goes on where it was.\n\n"
        "This message comes from its watchdog (sc watch), not from StayCalm.",
        idempotency_key=f"watch-{_stamp(known)}-{known.tells}",
        priority="P0",
        data={"kind": "page", "server": server, "problem": known.problem, "failures": known.failures},
    )


def all_clear(server: str, known: Watched, clock: Clock) -> Message:
    """Return the all-clear."""
    since = known.failing_since or known.told_at or clock.now()
    lasted = format_duration((clock.now() - since).total_seconds())
    return Message(
        subject=f"StayCalm is back: {server}",
        text=f"{server} answers again and says that it is well, {lasted} after the first failed check.",
        idempotency_key=f"watch-{_stamp(known)}-clear",
        data={"kind": "all-clear", "server": server},
    )


def trial(server: str, clock: Clock) -> Message:
    """Return the test message."""
    return Message(
        subject=f"Test: the watchdog of {server}",
        text=f"This is how you would be told that {server} is silent. Nothing is wrong.",
        idempotency_key=f"watch-test-{clock.now():%Y%m%dT%H%M%S%f}",
        data={"kind": "test", "server": server},
    )


def message_of(what: Tell, server: str, known: Watched, clock: Clock) -> Message:
    """Return what to send."""
    return page(server, known, clock) if what == "page" else all_clear(server, known, clock)


def _stamp(known: Watched) -> str:
    return f"{known.failing_since:%Y%m%dT%H%M%S}" if known.failing_since else "unknown"
