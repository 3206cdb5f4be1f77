"""The ntfy channel against a real HTTP server that reads requests as ntfy does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from email.header import decode_header, make_header
from typing import ClassVar

import pytest
from aiohttp import web

from staycalm.adapters.ntfy import NtfyChannel, NtfySettings
from staycalm.kit.settings import Secret
from staycalm.ports.errors import InvalidSpec, PortError
from staycalm.ports.messages import Message
from tests.adapters.channel_suite import PAGE, PATIENT_S, ChannelSuite, Peer, Received
from tests.adapters.http_peer import HttpPeer


def read(request: web.Request, body: bytes) -> Received:
    title = str(make_header(decode_header(request.headers["Title"])))
    return Received(request.headers["X-Sequence-ID"], title, body.decode("utf-8"), request.headers.get("Click"))


class NtfyServer(HttpPeer):
    address = "calm-bob-7f3a"
    channel: NtfyChannel


@asynccontextmanager
async def running(token: str = "", path: str = "", timeout_s: float = PATIENT_S) -> AsyncIterator[NtfyServer]:
    server = NtfyServer(read)
    await server.start()
    settings = NtfySettings(
        server=f"http://127.0.0.1:{server.port}{path}", token=Secret(token), timeout_s=timeout_s
    )
    server.channel = NtfyChannel(settings)
    try:
        yield server
    finally:
        await server.stop()


class TestNtfyChannel(ChannelSuite):
    bad_addresses: ClassVar[tuple[str, ...]] = (
        "", "a/b", "../admin", "topic?x=1", "to pic", "topic\n", "t" * 65, "bücher", "https://ntfy.sh/topic",
    )  # fmt: skip

    def start(self, timeout_s: float = PATIENT_S) -> AbstractAsyncContextManager[Peer]:
        return running(timeout_s=timeout_s)


def publish(message: Message, token: str = "", path: str = "") -> NtfyServer:
    async def story() -> NtfyServer:
        async with running(token, path) as server:
            await server.channel.send(server.address, message)
            return server

    return asyncio.run(story())


@pytest.mark.parametrize(("priority", "theirs"), [("P0", "5"), ("P1", "4"), ("P2", "3"), ("P3", "2"), (None, "3")])
def test_priorities_are_translated(priority: str | None, theirs: str) -> None:
    ((request, _),) = publish(replace(PAGE, priority=priority)).requests
    assert request.headers["Priority"] == theirs


def test_the_message_goes_to_the_topic_below_the_servers_path() -> None:
    ((request, _),) = publish(PAGE, path="/push/").requests
    assert request.method == "POST"
    assert request.path == "/push/calm-bob-7f3a"


def test_a_topic_may_be_written_with_the_servers_address() -> None:
    async def story() -> str:
        async with running(path="/push/") as server:
            await server.channel.send(f"http://127.0.0.1:{server.port}/push/calm-bob-7f3a", PAGE)
            ((request, _),) = server.requests
            return str(request.path)

    assert asyncio.run(story()) == "/push/calm-bob-7f3a"


def test_the_token_is_sent_and_never_told() -> None:
    ((request, _),) = publish(PAGE, token="tk_very-secret").requests
    assert request.headers["Authorization"] == "Bearer tk_very-secret"

    async def refused() -> None:
        async with running(token="tk_very-secret") as server:
            server.status = 403
            await server.channel.send(server.address, PAGE)

    with pytest.raises(PortError) as caught:
        asyncio.run(refused())
    assert not caught.value.retryable
    assert "tk_" not in str(caught.value)


def test_without_a_token_nothing_is_sent_to_sign_in() -> None:
    ((request, _),) = publish(PAGE).requests
    assert "Authorization" not in request.headers


def test_a_long_text_is_cut_at_a_character_and_stays_a_message() -> None:
    (got,) = publish(replace(PAGE, text="ü" * 5000)).received
    assert got.text.endswith("ü…")
    assert 4000 < len(got.text.encode()) <= 4096


def test_a_redirect_is_not_followed() -> None:
    async def story() -> None:
        async with running(token="tk_x") as server, running() as elsewhere:
            server.status = 307
            server.answer_headers = {"Location": f"http://127.0.0.1:{elsewhere.port}/steal"}
            with pytest.raises(PortError) as caught:
                await server.channel.send(server.address, PAGE)
            assert not caught.value.retryable
            assert elsewhere.requests == []

    asyncio.run(story())


@pytest.mark.parametrize(
    "server", ["ntfy.sh", "ftp://ntfy.sh", "https://me:pw@ntfy.sh", "https://ntfy.sh/?a=b", ""]
)
def test_a_server_that_is_no_address_is_refused(server: str) -> None:
    with pytest.raises(InvalidSpec):
        NtfyChannel(NtfySettings(server=server))


def test_a_link_with_a_line_break_is_refused() -> None:
    with pytest.raises(InvalidSpec):
        publish(replace(PAGE, action_url="https://calm.example/\r\nX: y"))
