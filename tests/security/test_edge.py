"""Bytes on the wire: requests that two servers read differently, bodies without end, and senders that dawdle."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from staycalm.app.patience import HEAD_BYTES, PatientProtocol
from staycalm.kit.http.headers import MAX_BODY
from tests.processes.nursery import servers
from tests.processes.servers import Server

PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with servers(tmp_path_factory.mktemp("edge")) as new:
        yield new("a").start()


def said(server: Server, *parts: bytes) -> bytes:
    """Return everything the server answers until it closes the connection."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        answer = b""
        try:
            for part in parts:
                connection.sendall(part)
            while chunk := connection.recv(65536):
                answer += chunk
        except ConnectionError:
            pass
        return answer


HEAD = b"POST /api/v1/login HTTP/1.1\r\nHost: calm\r\nConnection: close\r\n"
SMUGGLED = b"GET /health HTTP/1.1\r\nHost: calm\r\nConnection: close\r\n\r\n"
AMBIGUOUS = {
    "both a length and chunks": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two lengths": b"Content-Length: 0\r\nContent-Length: 90\r\n\r\n" + SMUGGLED,
    "an unknown transfer encoding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a blank before the colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a negative length": b"Content-Length: -1\r\n\r\n" + SMUGGLED,
    "a length in hexadecimal": b"Content-Length: 0x2\r\n\r\n{}" + SMUGGLED,
    "a folded header": b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a NUL in a header": b"X-A: a\x00b\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
    "a line that ends in a carriage return": b"X-A: a\rTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_a_request_that_can_be_read_in_two_ways_is_refused(server: Server, what: str) -> None:
    answer = said(server, HEAD + AMBIGUOUS[what])
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert answer.count(b"HTTP/1.1 ") == 1, "the hidden request was answered too"


def test_a_head_without_end_is_refused(server: Server) -> None:
    answer = said(server, b"GET /health HTTP/1.1\r\nX-A: " + b"a" * HEAD_BYTES)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert server.ask("GET", "/health").status_code in (200, 503)


def test_a_body_that_announces_too_much_is_not_read(server: Server) -> None:
    answer = said(server, HEAD + f"Content-Length: {MAX_BODY + 1}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", ["/api/v1/login", "/login", "/api/v1/catalog/plan"])
def test_a_body_without_end_is_cut_off(server: Server, path: str) -> None:
    chunk = b"%x\r\n" % 2**20 + b" " * 2**20 + b"\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: calm\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    form = "Content-Type: application/x-www-form-urlencoded\r\n\r\n" if path == "/login" else "\r\n"
    answer = said(server, (head + form).encode(), *[chunk] * (MAX_BODY // 2**20 + 2))
    assert b" 413 " in answer[:20] or answer == b"", answer[:300]


def test_a_compressed_body_is_not_unpacked(server: Server) -> None:
    bomb = gzip.compress(b'{"text": "' + b"a" * 50_000_000 + b'"}')
    answer = server.ask("POST", "/api/v1/catalog/plan", content=bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status_code in (400, 415, 422)


@pytest.mark.parametrize("path", ["/api/v1/incidents", "/api/v1/alerts/webhook", "/api/v1/login"])
@pytest.mark.parametrize(
    "deep", [b"[" * 200_000, b'{"details":' * 50_000, b'{"summary":"x","details":{"x":' + b"[" * 9999]
)
def test_deep_json_is_refused(server: Server, path: str, deep: bytes) -> None:
    answer = server.ask("POST", path, content=deep, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text[:200]
    assert "Traceback" not in answer.text


class Hasty(PatientProtocol):
    head_s = 0.2
    body_window_s = 0.2


DAWDLERS = {
    "nothing": b"",
    "half a head": b"GET / HTTP/1.1\r\nX-A: b\r\n",
    "empty lines": b"\r\n\r\n",
    "half a body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc",
    "an unfinished second request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT",
}


@pytest.mark.parametrize("what", DAWDLERS)
def test_who_begins_a_request_and_dawdles_is_cut_off(what: str) -> None:
    async def story() -> bytes:
        async def echo(scope: object, receive: object, send: object) -> None:
            message = {"more_body": True}
            while message.get("more_body"):
                message = await receive()  # type: ignore[operator]
            await send({"type": "http.response.start", "status": 204, "headers": []})  # type: ignore[operator]
            await send({"type": "http.response.body", "body": b""})  # type: ignore[operator]

        listening = socket.create_server(("127.0.0.1", 0))
        # What is sent lies ready when the connection is taken: only what is missing is waited for.
        near = socket.create_connection(listening.getsockname())
        near.sendall(DAWDLERS[what])
        near.setblocking(False)
        config = uvicorn.Config(echo, http=Hasty, lifespan="off", log_config=None, timeout_keep_alive=3600)  # type: ignore[arg-type]
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        reader, writer = await asyncio.open_connection(sock=near)
        async with asyncio.timeout(PATIENCE_S):
            try:
                answer = await reader.read()
            except ConnectionError:
                answer = b""
        writer.close()
        server.should_exit = True
        await serving
        return answer

    answer = asyncio.run(story())
    assert answer.count(b"204 No Content") == (1 if "second" in what else 0)


def test_the_certificate_and_the_token_are_for_their_owner_alone(server: Server) -> None:
    for name in ("cli-token", "staycalm.db"):
        assert Path(server.directory / name).stat().st_mode & 0o077 == 0
