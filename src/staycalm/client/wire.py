"""HTTP/1.1 as far as a client of one API needs it (RFC 9112).

The standard library's client imports the parser of mails and TLS with it, which takes as long as all the rest
of `sc` together; this one imports TLS only for https.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

LINE_LIMIT = 65536
MOST_HEADERS = 200
PIECE = 1 << 20
Wrap = Callable[[socket.socket], socket.socket]


class BadAnswer(Exception):
    """What came is not HTTP/1.1, or it ended in the middle."""


class Untrusted(OSError):
    """The server's certificate is not to be trusted."""


class Answer:
    """A status and headers (names in lower case); the body is read once. `is_whole`: all of it was read."""

    def __init__(self, source: BinaryIO, status: int, headers: Mapping[str, str], *, has_body: bool) -> None:
        self.status = status
        self.headers = headers
        self._source = source
        self.is_whole = not has_body

    @property
    def keeps_open(self) -> bool:
        """Return whether another request may follow on the same connection."""
        is_framed = "content-length" in self.headers or "transfer-encoding" in self.headers or self.status == 204
        return self.is_whole and is_framed and self.headers.get("connection", "").lower() != "close"

    def read(self, limit: int | None = None) -> bytes:
        """Return the whole body, or what comes until `limit` bytes are exceeded. Raises BadAnswer."""
        found, size = [], 0
        for piece in self.pieces():
            found.append(piece)
            size += len(piece)
            if limit is not None and size >= limit:
                break
        return b"".join(found)

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it comes. Raises BadAnswer when it ends early."""
        if self.is_whole:
            return
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            yield from self._chunks()
        elif "content-length" in self.headers:
            yield from self._exactly(_number(self.headers["content-length"], 10))
        else:
            while piece := self._source.read(PIECE):
                yield piece
        self.is_whole = True

    def _chunks(self) -> Iterator[bytes]:
        while size := _number(_line(self._source).partition(";")[0], 16):
            yield from self._exactly(size)
            _line(self._source)
        while _line(self._source):
            pass

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self._source.read(min(size, PIECE))
            if not piece:
                raise BadAnswer("the answer ended in the middle")
            size -= len(piece)
            yield piece


class Link:
    """A connection to one host. `timeout_s` bounds every single wait."""

    def __init__(self, host: str, port: int, timeout_s: float, wrap: Wrap | None = None) -> None:
        self.timeout_s = timeout_s
        self._host = f"[{host}]" if ":" in host else host
        self._name = f"{self._host}:{port}"
        plain = socket.create_connection((host, port), timeout=timeout_s)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = wrap(plain) if wrap is not None else plain
        except OSError:
            plain.close()
            raise
        self._source = self._socket.makefile("rb")

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | BinaryIO | None = None
    ) -> Answer:
        """Return the answer, its body unread. A body that is a file needs its Content-Length in the headers."""
        sent = {"Host": self._name, **headers}
        if isinstance(body, bytes):
            sent["Content-Length"] = str(len(body))
        elif body is None and method not in ("GET", "HEAD"):
            sent["Content-Length"] = "0"
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        first = body if isinstance(body, bytes) else b""
        self._socket.sendall(f"{head}\r\n".encode("latin-1") + first)
        if body is not None and not isinstance(body, bytes):
            try:
                while piece := body.read(PIECE):
                    self._socket.sendall(piece)
            except ConnectionError:
                # It may have refused before it had everything; then its answer says why.
                return self._answer(method)
        return self._answer(method)

    def _answer(self, method: str) -> Answer:
        while True:
            version, _, rest = _line(self._source).partition(" ")
            if not version.startswith("HTTP/1."):
                raise BadAnswer("it closed the connection" if not version else "it does not speak HTTP")
            status = _number(rest[:3], 10)
            headers: dict[str, str] = {}
            while line := _line(self._source):
                name, _, value = line.partition(":")
                headers[name.strip().lower()] = value.strip()
                if len(headers) > MOST_HEADERS:
                    raise BadAnswer("the answer has too many headers")
            # 1xx announces the real answer.
            if status >= 200:
                has_body = method != "HEAD" and status not in (204, 304)
                return Answer(self._source, status, headers, has_body=has_body)

    def close(self) -> None:
        """Nothing is open any more."""
        self._source.close()
        self._socket.close()


def _line(source: BinaryIO) -> str:
    """Return the next line without its end; empty also at the end of the connection."""
    raw = source.readline(LINE_LIMIT + 1)
    if len(raw) > LINE_LIMIT:
        raise BadAnswer("a line of the answer is too long")
    return raw.decode("latin-1").rstrip("\r\n")


def _number(text: str, base: int) -> int:
    try:
        found = int(text.strip(), base)
    except ValueError:
        raise BadAnswer("it does not speak HTTP") from None
    if found < 0:
        raise BadAnswer("it does not speak HTTP")
    return found
