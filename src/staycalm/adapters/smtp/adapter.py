"""Sends one mail per call over one connection: signed in, encrypted, bounded in time."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from email.message import EmailMessage

import aiosmtplib

from staycalm.adapters.smtp.compose import compose, normal_address
from staycalm.adapters.smtp.settings import SmtpSettings
from staycalm.core.text import one_line
from staycalm.kit.clock import Clock
from staycalm.ports.errors import InvalidSpec, OutsideUnavailable, PortError, Rejected
from staycalm.ports.messages import ChannelKind, Message, Receipt

REPLY_LIMIT = 200
GOODBYE_S = 1.0


class SmtpChannel:
    """Channel to people's mailboxes.

    An answer 4xx, a lost connection and a time-out may be tried again; 5xx is final. A certificate that does
    not hold is retryable too: it says nothing about the address. A try that timed out after the text was sent
    may have succeeded; the next one has the same Message-ID.
    """

    kind: ChannelKind = "email"

    def __init__(self, settings: SmtpSettings, clock: Clock) -> None:
        if not settings.host:
            raise InvalidSpec("smtp.host is not set")
        if settings.security == "none" and settings.password and not _is_this_machine(settings.host):
            raise InvalidSpec("smtp.security is none: the password would cross the network in the clear")
        self._settings = settings
        self._host = settings.host
        self._sender = normal_address(settings.sender)
        self._tls = _tls_context(settings)
        self._clock = clock

    def check_address(self, address: str) -> str:
        """Return the address with its domain in lower case; raises InvalidSpec."""
        return normal_address(address)

    async def send(self, address: str, message: Message) -> Receipt:
        """The server accepted the mail and answers for it. The receipt is its reply."""
        recipient = normal_address(address)
        mail = compose(
            recipient,
            message,
            sender=self._sender,
            sender_name=self._settings.sender_name,
            at=self._clock.now(),
        )
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._settings.port,
            use_tls=self._settings.security == "tls",
            start_tls=self._settings.security == "starttls",
            tls_context=self._tls,
            timeout=self._settings.timeout_s,
            # The default asks the resolver for our own name, which may hang.
            local_hostname=self._sender.rpartition("@")[2],
        )
        try:
            receipt = await self._deliver(client, recipient, mail)
            await _say_goodbye(client)
        finally:
            client.close()
        return receipt

    async def _deliver(self, client: aiosmtplib.SMTP, recipient: str, mail: EmailMessage) -> Receipt:
        settings = self._settings
        try:
            async with asyncio.timeout(settings.deadline_s):
                await client.connect()
                if settings.username:
                    await client.login(settings.username, settings.password.reveal())
                _, reply = await client.send_message(mail, sender=self._sender, recipients=[recipient])
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refusal(error.recipients[0].code, error.recipients[0].message) from None
        except aiosmtplib.SMTPResponseException as error:
            raise _refusal(error.code, error.message) from None
        except aiosmtplib.SMTPNotSupported as error:
            raise Rejected(_clean(f"the mail server cannot do what the settings ask for: {error}")) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            why = str(error) or f"no end within {settings.deadline_s:g} s"
            raise OutsideUnavailable(_clean(f"the mail server cannot be reached: {why}")) from None
        except ValueError as error:
            raise InvalidSpec(_clean(f"the mail cannot be sent as it is: {error}")) from None
        return Receipt(_clean(reply))


async def _say_goodbye(client: aiosmtplib.SMTP) -> None:
    """The server was told that we are done; what it answers no longer matters, the mail is accepted."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        async with asyncio.timeout(GOODBYE_S):
            await client.quit()


def _tls_context(settings: SmtpSettings) -> ssl.SSLContext | None:
    if settings.security == "none":
        return None
    context = ssl.create_default_context()
    if settings.ca_file is not None:
        try:
            context.load_verify_locations(cafile=settings.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise InvalidSpec(f"smtp.ca_file cannot be used: {error}") from None
    return context


def _refusal(code: int, reply: str) -> PortError:
    """Return the error for an SMTP reply (RFC 5321 section 4.2.1): 4yz may pass later, 5yz never will."""
    is_passing = 400 <= code < 500
    return Rejected(_clean(f"the mail server said {code}: {reply}"), retryable=is_passing)


def _clean(text: str) -> str:
    return one_line(text, REPLY_LIMIT)


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
