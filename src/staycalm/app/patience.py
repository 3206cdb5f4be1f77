"""A connection may not be kept open by saying little: heads are short and quick, bodies keep coming."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 20.0
HEAD_BYTES = 64 * 1024
BODY_WINDOW_S = 30.0
BODY_WINDOW_BYTES = 1024
TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
)  # fmt: skip


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, which waits for ever for a request that was begun, with an end to its patience.

    A head must be complete 20 s after its connection, or its first byte on an open one, and have at most 64 KiB.
    Of a body at least 1 KiB must come in every 30 s in which we read; a stopped sender is cut off.
    """

    head_s = HEAD_S
    body_window_s = BODY_WINDOW_S

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._waiting: asyncio.TimerHandle | None = None
        self._is_in_head = True
        self._head_bytes = 0
        self._body_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(self.head_s, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._body_bytes += len(data)
        if self._waiting is None and (self.cycle is None or self.cycle.response_complete):
            # Empty lines begin no message, and would keep an idle connection open for ever.
            self._wait(self.head_s, self._give_up)
        super().data_received(data)
        if not self._is_in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self.transport.write(TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0
        self._wait(self.head_s, self._give_up)

    def on_headers_complete(self) -> None:
        self._is_in_head, self._body_bytes = False, 0
        self._wait(self.body_window_s, self._look_at_body)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_waiting()
        super().on_message_complete()

    def _wait(self, seconds: float, what: Any) -> None:
        self._stop_waiting()
        self._waiting = self.loop.call_later(seconds, what)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _look_at_body(self) -> None:
        # While the application is busy with what came, nothing is read, and the sender is not to blame.
        if not self.flow.read_paused and self._body_bytes < BODY_WINDOW_BYTES:
            self._give_up()
            return
        self._body_bytes = 0
        self._wait(self.body_window_s, self._look_at_body)

    def _give_up(self) -> None:
        self.transport.abort()
