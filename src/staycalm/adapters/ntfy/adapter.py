"""Publishes one message to one topic (ntfy's HTTP API: the text as body, everything else in headers)."""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
from email.header import Header

import aiohttp
from yarl import URL

from staycalm.adapters.ntfy.settings import NtfySettings
from staycalm.core.text import encodable, has_control, one_line
from staycalm.ports.errors import InvalidSpec, OutsideUnavailable, Rejected
from staycalm.ports.messages import ChannelKind, Message, Receipt

BODY_LIMIT_BYTES = 4096  # a longer body becomes an attachment, which no phone reads aloud
TITLE_LIMIT = 120
PASSING = frozenset({408, 425, 429})
REPEAT = "(May be a repeat.) "
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_PRIORITY = {"P0": "5", "P1": "4", "P2": "3", "P3": "2"}
_TAG = {"P0": "rotating_light", "P1": "warning"}


class NtfyChannel:
    """Channel to phones. The address is a topic, alone or behind the server's address.

    Whoever knows a topic can read it, so make it long.

    408, 425, 429, 5xx, a lost connection and a time-out may be tried again; other refusals are final.
    """

    kind: ChannelKind = "ntfy"

    def __init__(self, settings: NtfySettings) -> None:
        if not settings.server:
            raise InvalidSpec("ntfy.server is not set")
        self._server = _server(settings.server)
        self._tls = ssl.create_default_context()
        if settings.ca_file is not None:
            try:
                self._tls.load_verify_locations(cafile=settings.ca_file)
            except (OSError, ssl.SSLError) as error:
                raise InvalidSpec(f"ntfy.ca_file cannot be used: {error}") from None
        self._token = settings.token
        self._timeout_s = settings.timeout_s

    def check_address(self, address: str) -> str:
        """Return the topic, of an address of the configured server too; raises InvalidSpec when it is none."""
        topic = address.strip(" ").removeprefix(f"{str(self._server).rstrip('/')}/")
        if not _TOPIC.match(topic):
            raise InvalidSpec(
                f"{one_line(address, 80)!r} is not an ntfy topic; use 1 to 64 letters, digits, - and _"
            )
        return topic

    async def send(self, address: str, message: Message) -> Receipt:
        """The server took the message for the topic. The receipt is that status."""
        url = self._server / self.check_address(address)
        headers = headers_of(message)
        if self._token:
            headers["Authorization"] = f"Bearer {self._token.reveal()}"
        try:
            async with asyncio.timeout(self._timeout_s):
                status = await self._post(url, headers, body_of(message))
        except TimeoutError:
            raise OutsideUnavailable(f"the ntfy server did not answer within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise OutsideUnavailable(f"the ntfy server cannot be reached ({type(error).__name__})") from None
        if 200 <= status < 300:
            return Receipt(f"HTTP {status}")
        raise Rejected(f"the ntfy server answered {status}", retryable=status in PASSING or status >= 500)

    async def _post(self, url: URL, headers: dict[str, str], body: bytes) -> int:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
            ) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            return answer.status


def headers_of(message: Message) -> dict[str, str]:
    """Return ntfy's headers, without the token; raises InvalidSpec where one would hold a line break."""
    if has_control(message.idempotency_key):
        raise InvalidSpec("the idempotency key holds a line break or control character")
    headers = {
        "Title": _word(one_line(message.subject, TITLE_LIMIT)),
        "Priority": _PRIORITY.get(message.priority or "", "3"),
        # The same sequence on every try: a repeat replaces the first push instead of standing beside it.
        "X-Sequence-ID": hashlib.sha256(encodable(message.idempotency_key).encode()).hexdigest()[:40],
        "Content-Type": "text/plain; charset=utf-8",
    }
    if message.priority in _TAG:
        headers["Tags"] = _TAG[message.priority]
    if message.action_url is not None:
        if has_control(message.action_url):
            raise InvalidSpec("the link holds a line break or control character")
        headers["Click"] = str(URL(message.action_url))
    return headers


def body_of(message: Message) -> bytes:
    """Return the text in UTF-8, cut at a character so that it stays a message."""
    text = encodable((REPEAT if message.is_duplicate_possible else "") + message.text).replace("\x00", " ")
    body = text.encode("utf-8")
    if len(body) <= BODY_LIMIT_BYTES:
        return body
    return body[: BODY_LIMIT_BYTES - 3].decode("utf-8", "ignore").encode("utf-8") + "…".encode()


def _word(text: str) -> str:
    """Return the text as a header may hold it: ASCII as it is, all else as one encoded word (RFC 2047)."""
    if text.isascii():
        return text
    return Header(text, "utf-8", maxlinelen=10_000).encode(linesep="")


def _server(text: str) -> URL:
    try:
        url = URL(text)
        is_good = url.scheme in ("https", "http") and bool(url.raw_host) and not url.user and not url.query_string
    except (ValueError, IndexError):  # yarl raises the latter for a host like [::。]
        is_good = False
    if not is_good:
        raise InvalidSpec("ntfy.server must be an address like https://ntfy.sh, without user, password or query")
    return url.with_fragment(None)
