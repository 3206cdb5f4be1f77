"""Posts one message to one receiver: signed, to a checked address, without redirects, bounded in time."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from staycalm.adapters.webhook.guard import Address, is_allowed_privately, parse_networks, refusal
from staycalm.adapters.webhook.settings import WebhookSettings
from staycalm.adapters.webhook.sign import body_of, key_of, signature
from staycalm.core.text import has_control
from staycalm.kit.clock import Clock
from staycalm.ports.errors import InvalidSpec, OutsideUnavailable, Rejected
from staycalm.ports.messages import ChannelKind, Message, Receipt

ADDRESS_LIMIT = 2000
HOST = re.compile(r"[0-9A-Za-z._:%-]+")
PASSING = frozenset({408, 425, 429})
Lookup = Callable[[str, int], Awaitable[list[str]]]
"""Host and port -> addresses as text."""


class WebhookChannel:
    """Channel to machines. The address is an https URL (http only into `allow_networks`).

    2xx is accepted; 408, 425, 429, 5xx, a lost connection and a time-out may be tried again; a redirect and
    every other answer are final.
    """

    kind: ChannelKind = "webhook"

    def __init__(self, settings: WebhookSettings, clock: Clock, *, lookup: Lookup | None = None) -> None:
        try:
            self._allowed = parse_networks(settings.allow_networks)
            # Loading the system's authorities takes 40 ms, so only at use; a wrong file is said now.
            self._tls: ssl.SSLContext | bool = True
            if settings.ca_file is not None:
                self._tls = ssl.create_default_context()
                self._tls.load_verify_locations(cafile=settings.ca_file)
        except (OSError, ValueError) as error:
            raise InvalidSpec(f"the webhook settings cannot be used: {error}") from None
        self._key = key_of(settings.secret.reveal()) if settings.secret else None
        self._timeout_s = settings.timeout_s
        self._clock = clock
        self._lookup = lookup or _system_lookup

    def check_address(self, address: str) -> str:
        """Return the URL with its host in lower-case ASCII; raises InvalidSpec."""
        return str(_url(address))

    async def send(self, address: str, message: Message) -> Receipt:
        """The receiver answered 2xx. The receipt is that status."""
        url = _url(address)
        body = body_of(message)
        headers = self._headers(message, body)
        try:
            async with asyncio.timeout(self._timeout_s):
                addresses = await self._resolve(url)
                status = await self._post(url, addresses, headers, body)
        except TimeoutError:
            raise OutsideUnavailable(f"the receiver did not answer within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The error's own text may hold the URL, and a URL may hold a token.
            raise OutsideUnavailable(f"the receiver cannot be reached ({type(error).__name__})") from None
        if 200 <= status < 300:
            return Receipt(f"HTTP {status}")
        if 300 <= status < 400:
            raise Rejected(
                f"the receiver answered {status}; redirects are not followed, register the final address"
            )
        raise Rejected(f"the receiver answered {status}", retryable=status in PASSING or status >= 500)

    def _headers(self, message: Message, body: bytes) -> dict[str, str]:
        key = message.idempotency_key
        if not key or has_control(key) or not key.isascii() or len(key) > 200:
            raise InvalidSpec("the idempotency key must be 1 to 200 printable ASCII characters")
        timestamp_s = int(self._clock.now().timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "StayCalm",
            "Idempotency-Key": key,
            "webhook-id": key,
            "webhook-timestamp": str(timestamp_s),
        }
        if self._key is not None:
            headers["webhook-signature"] = signature(self._key, message_id=key, timestamp_s=timestamp_s, body=body)
        return headers

    async def _resolve(self, url: URL) -> list[Address]:
        """Return the host's addresses, every one of them allowed; raises Rejected when one is not."""
        assert url.raw_host is not None and url.port is not None
        try:
            texts = await self._lookup(url.raw_host, url.port)
        except socket.gaierror:
            raise OutsideUnavailable(f"the receiver's name is not known: {url.host}") from None
        addresses = [ipaddress.ip_address(text) for text in texts]
        if not addresses:
            raise OutsideUnavailable(f"the receiver's name has no address: {url.host}")
        for each in addresses:
            if (why := refusal(each, self._allowed)) is not None:
                raise Rejected(f"nothing is sent there: {why} (setting webhook.allow_networks)")
            if url.scheme == "http" and not is_allowed_privately(each, self._allowed):
                raise Rejected("plain http is accepted only into webhook.allow_networks; use https")
        return addresses

    async def _post(self, url: URL, addresses: list[Address], headers: dict[str, str], body: bytes) -> int:
        connector = aiohttp.TCPConnector(resolver=_Pinned(addresses), ssl=self._tls, force_close=True)
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
            ) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            # The body is never read: the status decides, and a body may have no end.
            return answer.status


class _Pinned(AbstractResolver):
    """Answers with the addresses that were checked, so that a second look-up cannot give another one."""

    def __init__(self, addresses: list[Address]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=str(each),
                port=port,
                family=socket.AF_INET if each.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for each in self._addresses
        ]

    async def close(self) -> None:
        return None


def _url(address: str) -> URL:
    if has_control(address) or " " in address.strip(" ") or len(address) > ADDRESS_LIMIT:
        raise InvalidSpec("the webhook address holds blanks or control characters, or is too long")
    try:
        url = URL(address.strip(" "))
        is_complete = url.scheme in ("https", "http") and url.port is not None and _is_host(url.raw_host)
    except (ValueError, IndexError):  # yarl raises the latter for a host like [::。]
        is_complete = False
    if not is_complete:
        raise InvalidSpec("a webhook address is a complete URL like https://hooks.example.com/calm")
    if url.user is not None or url.password is not None:
        raise InvalidSpec(
            "a webhook address must not hold a user name or password; the signature proves who we are"
        )
    if "#" in address:
        raise InvalidSpec("a webhook address has no fragment (#…)")
    return url


def _is_host(host: str | None) -> bool:
    """Return whether this may be a host's name or address: encoding a foreign name can leave blanks in it."""
    return host is not None and HOST.fullmatch(host) is not None


async def _system_lookup(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
