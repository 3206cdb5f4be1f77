"""The webhook channel against a real HTTP server, and the guard against every address it must refuse."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import ClassVar

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from staycalm.adapters.webhook import WebhookChannel, WebhookSettings
from staycalm.adapters.webhook.adapter import Lookup
from staycalm.adapters.webhook.guard import parse_networks, refusal
from staycalm.kit.settings import Secret
from staycalm.ports.errors import InvalidSpec, PortError, Rejected
from tests.adapters.channel_suite import IMPATIENT_S, PAGE, PATIENT_S, ChannelSuite, Peer, Received
from tests.adapters.http_peer import HttpPeer
from tests.conftest import VirtualClock

LOCAL = WebhookSettings(allow_networks=("127.0.0.0/8", "::1/128"), timeout_s=PATIENT_S)


def read(request: web.Request, body: bytes) -> Received:
    content = json.loads(body)
    return Received(request.headers["Idempotency-Key"], content["subject"], content["text"], content["action_url"])


class Receiver(HttpPeer):
    channel: WebhookChannel
    host = "127.0.0.1"

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}/hooks/calm?team=shop"


@asynccontextmanager
async def running(settings: WebhookSettings = LOCAL, *, lookup: Lookup | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver(read)
    await receiver.start()
    receiver.channel = WebhookChannel(settings, VirtualClock(), lookup=lookup)
    try:
        yield receiver
    finally:
        await receiver.stop()


class TestWebhookChannel(ChannelSuite):
    bad_addresses: ClassVar[tuple[str, ...]] = (
        "", "hooks.example.com", "/hook", "ftp://example.com/", "file:///etc/passwd", "https://", "https://u:p@x.org/",
        "https://x.org/#frag", "https://x.org/a b", "https://x.org/\r\nX: y", "https://x.org:99999/",
        "https://x\\@y.org/", "https://x.org/" + "a" * 2000, "javascript:alert(1)", "https://x[::。]y@?z", "https://e`΄m.org/",
    )  # fmt: skip

    def start(self, timeout_s: float = PATIENT_S) -> AbstractAsyncContextManager[Peer]:
        return running(replace(LOCAL, timeout_s=timeout_s))

    def test_line_breaks_in_the_subject_start_no_header_and_stop_no_page(self) -> None:
        (got,) = self.send(replace(PAGE, subject="P0 down\r\nBcc: eve@example.com"))
        assert got.subject == "P0 down\r\nBcc: eve@example.com"  # a JSON string holds line breaks as they are


async def one(receiver: Receiver) -> tuple[web.Request, bytes]:
    await receiver.channel.send(receiver.address, PAGE)
    ((request, body),) = receiver.requests
    return request, body


def test_the_body_is_json_with_the_data_for_machines() -> None:
    async def story() -> None:
        async with running() as receiver:
            request, body = await one(receiver)
            assert request.method == "POST" and request.path_qs == "/hooks/calm?team=shop"
            assert request.headers["Content-Type"] == "application/json"
            assert json.loads(body) == {
                "id": "ntf-0190-1",
                "subject": PAGE.subject,
                "text": PAGE.text,
                "priority": "P0",
                "action_url": PAGE.action_url,
                "is_duplicate_possible": False,
                "data": {"incident": "INC-7"},
            }

    asyncio.run(story())


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("plain words", b"plain words"),
        ("whsec_" + base64.b64encode(b"\x00\x01binary").decode(), b"\x00\x01binary"),
    ],
)
def test_the_receiver_can_check_the_signature(secret: str, key: bytes) -> None:
    async def story() -> None:
        async with running(replace(LOCAL, secret=Secret(secret))) as receiver:
            request, body = await one(receiver)
            assert request.headers["webhook-id"] == request.headers["Idempotency-Key"] == "ntf-0190-1"
            assert request.headers["webhook-timestamp"] == "1772442000"  # 2026-03-02T09:00:00Z
            signed = b"ntf-0190-1.1772442000." + body
            expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
            assert request.headers["webhook-signature"] == f"v1,{expected}"

    asyncio.run(story())


def test_without_a_secret_nothing_is_signed() -> None:
    async def story() -> None:
        async with running() as receiver:
            request, _ = await one(receiver)
            assert "webhook-signature" not in request.headers

    asyncio.run(story())


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(301, False), (302, False), (307, False), (400, False), (401, False), (404, False), (410, False),
     (408, True), (425, True), (429, True), (500, True), (502, True), (503, True), (504, True)],
)  # fmt: skip
def test_each_status_is_final_or_passing(status: int, retryable: bool) -> None:
    async def story() -> PortError:
        async with running() as receiver, running() as elsewhere:
            receiver.status = status
            receiver.answer_headers = {"Location": elsewhere.address}
            with pytest.raises(PortError) as caught:
                await receiver.channel.send(receiver.address, PAGE)
            assert elsewhere.requests == []
            return caught.value

    error = asyncio.run(story())
    assert error.retryable is retryable
    assert str(status) in str(error) and "team=shop" not in str(error)


def test_an_answer_without_end_is_not_read() -> None:
    async def story() -> None:
        async with running() as receiver:
            receiver.is_endless = True
            assert (await receiver.channel.send(receiver.address, PAGE)).reference == "HTTP 200"

    asyncio.run(story())


def test_data_that_is_no_json_or_too_large_is_refused() -> None:
    async def story() -> None:
        async with running() as receiver:
            for data in ({"x": float("nan")}, {"x": object()}, {"x": "y" * 300_000}):
                with pytest.raises(InvalidSpec):
                    await receiver.channel.send(receiver.address, replace(PAGE, data=data))
            assert receiver.requests == []

    asyncio.run(story())


# -- where it may go ----------------------------------------------------------------------------

REFUSED = [
    "127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1",
    "169.254.169.254", "169.254.1.1", "fe80::1", "fd00::1", "fd00:ec2::254", "100.100.100.200", "168.63.129.16",
    "192.0.0.192", "224.0.0.1", "255.255.255.255", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
    "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a9fe:a9fe::1",
    "::127.0.0.1", "192.0.2.1", "198.18.0.1", "2001:db8::1",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_only_public_addresses_are_reached_by_default(address: str) -> None:
    assert refusal(ipaddress.ip_address(address), ()) is not None


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8"])
def test_public_addresses_are_reached(address: str) -> None:
    assert refusal(ipaddress.ip_address(address), ()) is None


@given(st.integers(0, 2**16 - 1))
def test_link_local_stays_refused_even_when_everything_is_allowed(low: int) -> None:
    everything = parse_networks(["0.0.0.0/0", "::/0"])
    v4 = ipaddress.IPv4Address(int(ipaddress.IPv4Address("169.254.0.0")) + low)
    for address in (v4, ipaddress.ip_address(f"::ffff:{v4}"), ipaddress.IPv6Address(f"64:ff9b::{v4}")):
        assert refusal(address, everything) is not None


@given(st.ip_addresses(v=4), st.booleans())
def test_wrapping_an_address_in_ipv6_never_opens_a_door(v4: ipaddress.IPv4Address, allow: bool) -> None:
    allowed = parse_networks(["10.0.0.0/8"] if allow else [])
    if refusal(v4, allowed) is not None:
        for wrapped in (f"::ffff:{v4}", f"64:ff9b::{v4}", f"::{v4}"):
            assert refusal(ipaddress.ip_address(wrapped), allowed) is not None


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001", "127.1", "0177.0.0.1",
     "0.0.0.0", "[::]", "169.254.169.254"],
)  # fmt: skip
def test_no_spelling_of_this_machine_gets_through(host: str) -> None:
    async def story() -> None:
        async with running(WebhookSettings(timeout_s=PATIENT_S)) as receiver:
            for scheme in ("http", "https"):
                with pytest.raises(PortError):
                    await receiver.channel.send(f"{scheme}://{host}:{receiver.port}/", PAGE)
            assert receiver.requests == []

    asyncio.run(story())


def test_a_name_with_one_forbidden_address_is_refused_whole() -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "127.0.0.1"]

    async def story() -> None:
        async with running(WebhookSettings(timeout_s=PATIENT_S), lookup=lookup) as receiver:
            with pytest.raises(Rejected, match="not a public address") as caught:
                await receiver.channel.send(f"https://rebind.example:{receiver.port}/", PAGE)
            assert not caught.value.retryable
            assert receiver.requests == []

    asyncio.run(story())


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    asked: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    async def story() -> None:
        async with running(lookup=lookup) as receiver:
            receiver.host = "hooks.example"
            request, _ = await one(receiver)
            assert request.host == f"hooks.example:{receiver.port}"

    asyncio.run(story())
    assert asked == ["hooks.example"]


def test_plain_http_leaves_no_allowed_network() -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return ["93.184.216.34"]

    channel = WebhookChannel(LOCAL, VirtualClock(), lookup=lookup)
    with pytest.raises(Rejected, match="https"):
        asyncio.run(channel.send("http://hooks.example/", PAGE))


def test_a_name_nobody_knows_may_be_tried_again() -> None:
    async def lookup(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    channel = WebhookChannel(LOCAL, VirtualClock(), lookup=lookup)
    with pytest.raises(PortError) as caught:
        asyncio.run(channel.send("https://hooks.example/", PAGE))
    assert caught.value.retryable


def test_a_lookup_that_hangs_is_given_up() -> None:
    async def lookup(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    channel = WebhookChannel(replace(LOCAL, timeout_s=IMPATIENT_S), VirtualClock(), lookup=lookup)
    with pytest.raises(PortError) as caught:
        asyncio.run(channel.send("https://hooks.example/", PAGE))
    assert caught.value.retryable


@pytest.mark.parametrize(
    "settings",
    [WebhookSettings(allow_networks=("ten.net",)), WebhookSettings(allow_networks=("10.0.0.1/8",)),
     WebhookSettings(secret=Secret("whsec_not base64!"))],
)  # fmt: skip
def test_settings_that_cannot_be_used_are_refused_at_the_start(settings: WebhookSettings) -> None:
    with pytest.raises(InvalidSpec):
        WebhookChannel(settings, VirtualClock())
