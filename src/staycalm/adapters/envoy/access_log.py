"""Reading the proxy's access log: one record per finished user request, in bounded space on disk and in memory."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec

from staycalm.adapters.envoy.clusters import SLOTS
from staycalm.core.errors import Invalid
from staycalm.core.placement import Placement
from staycalm.ports.traffic import RequestRecord, Slot

KEPT_RECORDS = 100_000
_CHUNK = 1 << 20
# Envoy's response flags for what a client met as a failure although a status may have been sent before:
# time-outs, connection failures and resets towards the upstream, no healthy upstream, overflow, protocol errors.
_BAD_FLAGS = frozenset({"UT", "UF", "UC", "UR", "UH", "UO", "URX", "LR", "UPE", "UMSDR", "DT", "SI", "NC"})


Took = Annotated[int, msgspec.Meta(ge=0, le=10**15)]


class Line(msgspec.Struct):
    """One line as the proxy writes it; see LOG_FIELDS."""

    cluster: str | None = None
    route: str | None = None
    status: int = 0
    flags: str | None = None
    took_us: Took | None = None
    took_ms: Took | None = None
    tries: int | None = None
    served_by: str | None = None
    client: str | None = None
    request: str | None = None


def client_hash(cookie: str) -> str:
    """Return what stands for a client; the cookie is a random id of 122 bits, so it cannot be guessed back."""
    return hashlib.blake2b(cookie.encode(), digest_size=8).hexdigest()


def interpret(line: Line) -> tuple[Placement, RequestRecord] | None:
    """Return the placement and the record, or None for anything that is not a user's request.

    A client of the candidate whom the other slot had to serve, because the first try failed or the candidate had
    no healthy instance, met a bad candidate: `is_bad`, although the answer was good.
    """
    if line.route != "user" or not line.cluster:
        return None
    name, _, rest = line.cluster.partition("/")
    slot_name, _, role = rest.partition("/")
    slot: Slot | None = next((s for s in SLOTS if s == slot_name), None)
    if slot is None:
        return None
    flags = set((line.flags or "-").split(","))
    is_bad = line.status >= 500 or bool(flags & _BAD_FLAGS)
    if role:
        is_bad = is_bad or (line.tries or 1) > 1 or line.served_by not in (None, slot)
    took_ms = line.took_us / 1000 if line.took_us is not None else float(line.took_ms or 0)
    client = client_hash(line.client or line.request or "")
    return Placement.parse(name), RequestRecord(slot, client, line.status, took_ms, is_bad)


class AccessLog:
    """A reader of one growing file that rotates it. Positions count bytes since the very first line ever.

    Nothing but names says where a file begins: a finished one is called by the position of its first byte, and the
    next begins where it ends. So there is one step, the rename, and a reader that dies at any instant leaves
    what the next one counts alike. The last finished file is kept until the following rotation, for those
    whose cursor is not yet past it. `reopen` asks the proxy to open the file anew; until it has, the renamed
    one is read on.
    """

    def __init__(self, path: Path, rotate_bytes: int) -> None:
        self._path, self._rotate_bytes = path, rotate_bytes
        self._records: deque[tuple[int, Placement, RequestRecord]] = deque()
        self._decoder = msgspec.json.Decoder(Line)
        self._rest = b""
        self._offset = 0
        self._descriptor: int | None = None
        self._is_finished = False
        self._start = self._forgotten_up_to = self._first()
        self.unreadable = 0
        self.needs_reopen = False

    def _finished(self) -> dict[int, Path]:
        """Return the finished files by the position of their first byte."""
        found = {int(path.stem): path for path in self._path.parent.glob("*.old") if path.stem.isdecimal()}
        return dict(sorted(found.items()))

    def _name(self, start: int) -> Path:
        return self._path.with_name(f"{start:020}.old")

    def _first(self) -> int:
        """Return where the oldest line lies from which on nothing is missing."""
        first = None
        for start, path in reversed(self._finished().items()):
            if first is not None and start + path.stat().st_size != first:
                break
            first = start
        return first or 0

    @property
    def position(self) -> int:
        """Return how far the log was read, whole lines only."""
        return self._start + self._offset - len(self._rest)

    def _open(self) -> int | None:
        if self._descriptor is None:
            finished = self._name(self._start)
            self._is_finished = finished.exists() and finished.stat().st_size > 0
            with suppress(FileNotFoundError):
                self._descriptor = os.open(finished if self._is_finished else self._path, os.O_RDONLY)
        return self._descriptor

    def _take(self, block: bytes) -> None:
        at = self.position
        *lines, self._rest = (self._rest + block).split(b"\n")
        self._offset += len(block)
        for raw in lines:
            at += len(raw) + 1
            try:
                found = interpret(self._decoder.decode(raw))
            # A part of the line is what a visitor sent, so it need not be UTF-8.
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Invalid):
                self.unreadable += bool(raw.strip())
                continue
            if found is not None:
                self._records.append((at, *found))
        while len(self._records) > KEPT_RECORDS:
            self._forgotten_up_to = self._records.popleft()[0]

    def pull(self) -> bool:
        """Everything written so far is read, at most one chunk; returns whether there may be more."""
        descriptor = self._open()
        if descriptor is None:
            return False
        block = os.read(descriptor, _CHUNK)
        if block:
            self._take(block)
            return True
        return self._move_on(descriptor)

    def _move_on(self, descriptor: int) -> bool:
        """At the end of the file: rotate it when it is large, or go to the next one when the proxy has."""
        mine = os.fstat(descriptor)
        try:
            named = self._path.stat()
        except FileNotFoundError:
            # Renamed by us, or removed by somebody: the proxy writes on into what has no name for it any more.
            self.needs_reopen = self._next() is None
            return not self.needs_reopen and self._leave(descriptor)
        is_cut = named.st_ino == mine.st_ino and named.st_size < self._offset
        if named.st_ino != mine.st_ino or is_cut:
            return self._leave(descriptor)
        if self._offset >= self._rotate_bytes and not self._rest:
            self._rotate()
        return False

    def _next(self) -> Path | None:
        """Return the finished file that follows the one that is read, if that is not the last of them."""
        path = self._name(self._start + self._offset)
        return path if self._offset and path.exists() else None

    def _rotate(self) -> None:
        earlier = [path for start, path in self._finished().items() if start < self._start]
        os.replace(self._path, self._name(self._start))
        self._is_finished = self.needs_reopen = True
        for path in earlier:
            path.unlink(missing_ok=True)

    def _leave(self, descriptor: int) -> bool:
        """Reading goes on in the next file. It is there, so nothing more comes into this one after a last look."""
        block = os.read(descriptor, _CHUNK)
        if block:
            self._take(block)
            return True
        following = self._start + self._offset
        if not self._is_finished:
            # Somebody removed or cut it: an empty file keeps for the next reader where the new one begins.
            self._name(following).touch(mode=0o600)
        self._start, self._offset, self._rest = following, 0, b""
        os.close(descriptor)
        self._descriptor, self.needs_reopen = None, False
        return True

    def since(self, placement: Placement, position: int) -> tuple[tuple[RequestRecord, ...], bool]:
        """Return the records that ended after `position`, oldest first, and whether some are not known."""
        found = []
        for at, whose, record in reversed(self._records):
            if at <= position:
                break
            if whose == placement:
                found.append(record)
        return tuple(reversed(found)), not self._forgotten_up_to <= position <= self.position

    def close(self) -> None:
        """The file is not held open."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
