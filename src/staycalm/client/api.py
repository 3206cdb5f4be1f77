"""Calls to the HTTP API, with little imported: that is what makes `sc` start fast."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from staycalm.client.connection import Connection
from staycalm.client.wire import Answer, BadAnswer, Link, Untrusted

TIMEOUT_S = 30.0
CHUNK = 1 << 20
HTTP_PORT, HTTPS_PORT = 80, 443


class ApiError(Exception):
    """The server refused. `status` is HTTP's, `code` the stable name of the reason (RFC 9457)."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code", f"http-{status}"))
        self.detail = str(problem.get("detail") or problem.get("title") or f"HTTP status {status}")
        self.next_step = str(problem.get("next_step", ""))
        self.problem = problem
        super().__init__(self.detail)


class Unreachable(Exception):
    """Nothing answers at the server's address, or the connection broke, or it is no StayCalm server."""

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step


Waiting = Callable[[str], AbstractContextManager[object]]
"""Wraps a call, and is told in words what is waited for."""


class Api:
    """One server, for one thread. Calls share a connection, have a time-out, and answer with JSON or bytes."""

    def __init__(
        self, connection: Connection, *, timeout_s: float = TIMEOUT_S, waiting: Waiting = nullcontext
    ) -> None:
        self.connection = connection
        self._waiting = waiting
        self._timeout_s = timeout_s
        self._kept: Link | None = None
        self._parts = urlsplit(connection.url)
        if not _is_address(connection.url):
            raise Unreachable(
                f"{connection.url} (from {connection.origin}) is not an http:// or https:// address",
                "Write it like https://staycalm.example.org.",
            )
        token = connection.token or ""
        if not token.isascii() or not token.isprintable() or " " in token:
            raise Unreachable(
                f"the token for {connection.url} holds blanks or control characters", "Get a new one: `sc login`."
            )

    def get(self, path: str, **query: Any) -> Any:
        return self._json("GET", path, query)

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        return self._json("POST", path, query, body)

    def put(self, path: str, body: Any = None, **query: Any) -> Any:
        return self._json("PUT", path, query, body)

    def patch(self, path: str, body: Any = None, **query: Any) -> Any:
        return self._json("PATCH", path, query, body)

    def head(self, path: str) -> None:
        """Return when there is such a thing; raises ApiError with status 404 when not."""
        with self._call("HEAD", path, {}) as response:
            response.read()

    def delete(self, path: str, **query: Any) -> Any:
        return self._json("DELETE", path, query)

    def get_bytes(self, path: str, **query: Any) -> bytes:
        with self._call("GET", path, query) as response:
            return response.read()

    def get_any_status(self, path: str) -> Any:
        """Return the decoded answer also when its status tells of trouble, as `/health` has it."""
        try:
            return self.get(path)
        except ApiError as error:
            if not error.problem:
                raise
            return error.problem

    def upload(self, path: str, file: Path, **query: Any) -> Any:
        """The file's bytes are sent as they are read; returns the decoded answer."""
        with file.open("rb") as source:
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(file.stat().st_size)}
            with self._call("PUT", path, query, source, headers) as response:
                return self._decode(response.read())

    def _json(self, method: str, path: str, query: dict[str, Any], body: Any = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if content is not None else {}
        with self._call(method, path, query, content, headers) as response:
            return self._decode(response.read())

    @contextmanager
    def _call(
        self,
        method: str,
        path: str,
        query: dict[str, Any],
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Iterator[Answer]:
        wanted = {k: v for k, v in query.items() if v is not None}
        target = f"{self._parts.path.rstrip('/')}{path}" + (f"?{urlencode(wanted, doseq=True)}" if wanted else "")
        sent = {"Accept": "application/json", "User-Agent": "sc", **(headers or {})}
        if self.connection.token:
            sent["Authorization"] = f"Bearer {self.connection.token}"
        link, self._kept = self._kept, None
        with self._waiting(f"Waiting for {self._parts.netloc.rpartition('@')[2]} ({_subject(path)})"):
            yield from self._answered(link, method, target, body, sent, timeout_s or self._timeout_s)

    def _answered(
        self, link: Link | None, method: str, target: str, body: Any, sent: dict[str, str], timeout_s: float
    ) -> Iterator[Answer]:
        try:
            link, response = self._ask(link, method, target, body, sent, timeout_s)
            if response.status >= 400:
                problem = _problem(response.read(CHUNK))
                if not problem and method != "HEAD":
                    raise self._stranger(f", it answers with HTTP status {response.status}")
                raise ApiError(response.status, problem)
            yield response
            if response.keeps_open:
                link, self._kept = None, link
        except (OSError, BadAnswer) as error:
            raise Unreachable(
                f"the server at {self.connection.url} (from {self.connection.origin}) does not answer: "
                f"{_why(error)}",
                _what_to_do(error),
            ) from None
        finally:
            if link is not None:
                link.close()

    def _ask(
        self,
        link: Link | None,
        method: str,
        target: str,
        body: Any,
        headers: dict[str, str],
        timeout_s: float,
    ) -> tuple[Link, Answer]:
        """Return the connection and the answer. One kept open may have been closed over there meanwhile."""
        if link is not None and link.timeout_s == timeout_s and method in ("GET", "HEAD"):
            try:
                return link, link.ask(method, target, headers)
            except (ConnectionError, BadAnswer):
                link.close()
        elif link is not None:
            link.close()
        fresh = self._open(timeout_s)
        try:
            return fresh, fresh.ask(method, target, headers, body)
        except (OSError, BadAnswer):
            fresh.close()
            raise

    def _decode(self, raw: bytes) -> Any:
        try:
            return json.loads(raw) if raw else None
        except ValueError:
            raise self._stranger() from None

    def _stranger(self, more: str = "") -> Unreachable:
        return Unreachable(
            f"what answers at {self.connection.url} (from {self.connection.origin}) is not StayCalm's API{more}",
            "Check the address (--server, SC_SERVER, `sc login`) and what stands before the server.",
        )

    def _open(self, timeout_s: float) -> Link:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme != "https":
            return Link(host, port or HTTP_PORT, timeout_s)
        from staycalm.client.tls import wrap_for

        return Link(host, port or HTTPS_PORT, timeout_s, wrap_for(host, self.connection.certificate))


def _subject(path: str) -> str:
    """Return what a path is about: `incidents` of `/api/v1/incidents/INC-3`."""
    parts = path.strip("/").split("/")
    return parts[2] if parts[:2] == ["api", "v1"] and len(parts) > 2 else parts[0]


def segment(text: str) -> str:
    """Return the text as one path segment of a URL."""
    return quote(text, safe="")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _what_to_do(error: Exception) -> str:
    if isinstance(error, Untrusted):
        return (
            "Use the name that its certificate holds. "
            "For a private authority, set SSL_CERT_FILE to a file with its certificate."
        )
    if isinstance(error, BadAnswer) or "SSL" in type(error).__name__:
        return "Check the address, and whether it begins with http:// or https://."
    return "Is it running? `sc up` starts one here; --server or SC_SERVER names another."


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _problem(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
