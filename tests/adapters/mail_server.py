"""A real SMTP server in this process, with answers that a test chooses."""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from staycalm.adapters.smtp import SmtpChannel, SmtpSettings
from staycalm.ports.messages import Message
from tests.adapters.channel_suite import PATIENT_S, Answer, Received
from tests.conftest import VirtualClock

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PLAIN = SmtpSettings(
    host="127.0.0.1", security="none", sender="calm@ops.example", timeout_s=PATIENT_S, deadline_s=2 * PATIENT_S
)


class MailServer:
    """aiosmtpd on this event loop, with an answer that a test chooses."""

    def __init__(self) -> None:
        self.answer: Answer = "accept"
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.received: list[Received] = []
        self.address = "bob@example.com"
        self.channel: SmtpChannel
        self._server: asyncio.Server | None = None

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.answer == "later":
            return "451 4.7.1 try again later"
        if self.answer == "never":
            return "550 5.1.1 no such mailbox"
        if self.answer == "hang":
            await asyncio.sleep(60)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.envelopes.append(envelope)
        text = mail.get_body(("plain",))
        assert text is not None
        content = text.get_content()
        link = re.search(r"https?://\S+", content)
        self.received.append(
            Received(str(mail["Message-ID"]), str(mail["Subject"]), content, link[0] if link else None)
        )
        return "250 2.0.0 queued as 4711"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def start(self, *, implicit_tls: ssl.SSLContext | None = None, **options: Any) -> int:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self, hostname="mail.test", loop=loop, **options), "127.0.0.1", 0, ssl=implicit_tls
        )
        return int(self._server.sockets[0].getsockname()[1])


@asynccontextmanager
async def running(
    settings: SmtpSettings, *, implicit_tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[MailServer]:
    server = MailServer()
    port = await server.start(implicit_tls=implicit_tls, **options)
    server.channel = SmtpChannel(replace(settings, port=port), VirtualClock(AT))
    try:
        yield server
    finally:
        await server.stop()


def deliver(message: Message, settings: SmtpSettings = PLAIN, **options: Any) -> MailServer:
    async def story() -> MailServer:
        async with running(settings, **options) as server:
            await server.channel.send(server.address, message)
            return server

    return asyncio.run(story())
