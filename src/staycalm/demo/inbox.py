"""A real SMTP server and a real webhook receiver on free ports, whose inboxes the demonstration shows."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any

from aiohttp import web
from aiosmtpd.controller import Controller

LINK = re.compile(r"https?://\S+/ack/[A-Za-z0-9_.~-]+")


@dataclass(frozen=True)
class Mail:
    """One accepted mail. `at` is when the server accepted it."""

    at: datetime
    to: str
    subject: str
    text: str

    @property
    def acknowledge_link(self) -> str | None:
        """Return the link with the acknowledge button, if the mail has one."""
        found = LINK.search(self.text)
        return found.group(0) if found else None


@dataclass
class Inbox:
    """Accepts every mail. `arrived` is set at each one."""

    mails: list[Mail] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _controller: Any = None
    _loop: asyncio.AbstractEventLoop | None = None

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content, policy=policy.default)
        part = message.get_body(preferencelist=("plain",))
        text = part.get_content() if part is not None else ""
        for recipient in envelope.rcpt_tos:
            self.mails.append(Mail(datetime.now(UTC), recipient, str(message["Subject"]), text))
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.arrived.set)
        return "250 accepted"

    def start(self) -> int:
        """Return the port the server listens on."""
        self._loop = asyncio.get_running_loop()
        self._controller = _AnyPort(self, hostname="127.0.0.1", port=0)
        self._controller.start()
        return int(self._controller.server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Nothing listens any more."""
        if self._controller is not None:
            self._controller.stop()

    def of(self, address: str) -> list[Mail]:
        """Return the mails to this address, oldest first."""
        return [mail for mail in self.mails if mail.to == address]

    async def wait_for(self, address: str, *, count: int = 1, timeout_s: float = 60) -> Mail:
        """Return the `count`-th mail to the address; raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while len(self.of(address)) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.of(address)[count - 1]


class _AnyPort(Controller):
    """aiosmtpd's controller, able to start on port 0 (it checks itself by connecting to the port it has)."""

    def _trigger_server(self) -> None:
        listening: Any = self.server
        self.port = listening.sockets[0].getsockname()[1]
        trigger: Any = super()._trigger_server
        trigger()


@dataclass
class Receiver:
    """Accepts every webhook call and keeps its JSON body."""

    calls: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)
    _runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Return the URL to post to."""
        app = web.Application()
        app.router.add_post("/hook", self._accept)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        return f"http://127.0.0.1:{port}/hook"

    async def _accept(self, request: web.Request) -> web.Response:
        self.calls.append((datetime.now(UTC), await request.json()))
        return web.json_response({"ok": True})

    async def stop(self) -> None:
        """Nothing listens any more."""
        if self._runner is not None:
            await self._runner.cleanup()
