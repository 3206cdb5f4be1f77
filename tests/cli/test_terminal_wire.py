"""The client's own HTTP: every way to frame an answer, answers that are none, and connections that end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest

from staycalm.client.api import Api, ApiError, Unreachable
from staycalm.client.connection import Connection

OK = b"HTTP/1.1 200 OK\r\n"


def serve(*answers: bytes) -> tuple[Api, Callable[[], int]]:
    """Return a client of a server that sends these answers, then closes; and how many connections it had."""
    listening = socket.create_server(("127.0.0.1", 0))
    left = list(answers)
    connections: list[socket.socket] = []

    def run() -> None:
        while left:
            near, _ = listening.accept()
            connections.append(near)
            with near, near.makefile("rb") as asked:
                while left and asked.readline():
                    while asked.readline().strip():
                        pass
                    answer = left.pop(0)
                    near.sendall(answer)
                    if (b"length" not in answer.lower() and b"chunked" not in answer) or b"close" in answer:
                        break
        listening.close()

    threading.Thread(target=run, daemon=True).start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    return Api(Connection(url, None, "test"), timeout_s=20), lambda: len(connections)


@pytest.mark.parametrize(
    "answer",
    [
        OK + b'Content-Length: 7\r\n\r\n{"a":1}',
        OK + b'content-length:7\r\nconnection: close\r\n\r\n{"a":1}',
        OK + b'Transfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4;x=y\r\n":1}\r\n0\r\nTrailer: x\r\n\r\n',
        OK + b'\r\n{"a":1}',
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b'Content-Length: 7\r\n\r\n{"a":1}',
    ],
)
def test_every_framing_is_read(answer: bytes) -> None:
    api, _ = serve(answer)
    assert api.get("/x") == {"a": 1}


def test_a_connection_is_used_again_and_replaced_when_it_was_closed() -> None:
    whole = OK + b'Content-Length: 7\r\n\r\n{"a":1}'
    api, connections = serve(whole, whole, OK + b'Content-Length: 7\r\nConnection: close\r\n\r\n{"a":1}', whole)
    assert [api.get("/x") for _ in range(4)] == [{"a": 1}] * 4
    assert connections() == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "closed the connection"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "does not speak HTTP"),
        (OK + b"Content-Length: many\r\n\r\n", "does not speak HTTP"),
        (OK + b"Content-Length: -4\r\n\r\n", "does not speak HTTP"),
        (OK + b"Content-Length: 70\r\nconnection: close\r\n\r\n{", "ended in the middle"),
        (OK + b"Transfer-Encoding: chunked\r\nconnection: close\r\n\r\nZ\r\n", "does not speak HTTP"),
        (OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n", "too long"),
        (OK + b"".join(b"X%d: y\r\n" % n for n in range(300)) + b"\r\n", "too many headers"),
        (OK + b"Content-Length: 6\r\n\r\n<html>", "is not StayCalm's API"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>", "HTTP status 502"),
    ],
)
def test_what_is_no_answer_is_said_in_words(answer: bytes, words: str) -> None:
    api, _ = serve(answer)
    with pytest.raises(Unreachable, match=words) as said:
        api.get("/x")
    assert said.value.next_step


def test_a_refusal_keeps_its_reason() -> None:
    body = b'{"code": "no-service", "detail": "there is no service"}'
    api, _ = serve(b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    with pytest.raises(ApiError, match="there is no service") as said:
        api.get("/x")
    assert (said.value.status, said.value.code) == (404, "no-service")
