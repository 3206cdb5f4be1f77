"""Ports for programs that are told one before they listen on it."""

from __future__ import annotations

import socket

_kept: list[socket.socket] = []


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that nobody listens on, and that nobody else is given by the kernel.

    It stays bound here, without listening, for as long as this process lasts: connections are refused until a
    program with SO_REUSEADDR (every server here sets it) listens, and are refused again when that has ended.
    """
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", 0))
    _kept.append(bound)
    return int(bound.getsockname()[1])
