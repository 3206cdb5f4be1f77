"""Reading the proxy's access log: one record per finished user request, in bounded space on disk and in memory."""

from __future__ import annotations

import hashlib
import os
from collections import deque
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

    `reopen` asks the proxy to open the file anew; until it has, the old one is read on.
    """

    def __init__(self, path: Path, rotate_bytes: int) -> None:
        self._path, self._rotate_bytes = path, rotate_bytes
        self._old, self._base_file = path.with_suffix(".old"), path.with_name("base")
        self._records: deque[tuple[int, Placement, RequestRecord]] = deque()
        self._forgotten_up_to = 0
        self._decoder = msgspec.json.Decoder(Line)
        self._rest = b""
        self._offset = 0
        self._descriptor: int | None = None
        self._base = self._read_base()
        self.unreadable = 0
        self.needs_reopen = False

    def _read_base(self) -> int:
        try:
            return int(self._base_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0

    @property
    def position(self) -> int:
        """Return how far the log was read, whole lines only."""
        return self._base + self._offset - len(self._rest)

    def _open(self) -> int | None:
        if self._descriptor is None:
            for path in (self._old, self._path):
                try:
                    self._descriptor = os.open(path, os.O_RDONLY)
                except FileNotFoundError:
                    continue
                self.needs_reopen = path == self._old
                break
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
            return len(block) == _CHUNK
        return self._move_on(descriptor)

    def _move_on(self, descriptor: int) -> bool:
        """At the end of the file: rotate it when it is large, or go to the next one when the proxy has."""
        if self.needs_reopen:
            if not self._path.exists():
                return False
            # The new file is there, so nothing more comes into the old one after this last look.
            block = os.read(descriptor, _CHUNK)
            if block:
                self._take(block)
                return True
            self._leave(descriptor)
            return True
        if self._offset >= self._rotate_bytes and not self._rest:
            os.replace(self._path, self._old)
            self.needs_reopen = True
        return False

    def _leave(self, descriptor: int) -> None:
        self._base, self._offset, self._rest = self._base + self._offset, 0, b""
        draft = self._base_file.with_suffix(".draft")
        draft.write_text(str(self._base), encoding="ascii")
        os.replace(draft, self._base_file)
        self._old.unlink(missing_ok=True)
        os.close(descriptor)
        self._descriptor, self.needs_reopen = None, False

    def since(self, placement: Placement, position: int) -> tuple[tuple[RequestRecord, ...], bool]:
        """Return the records that ended after `position`, oldest first, and whether some were forgotten."""
        found = []
        for at, whose, record in reversed(self._records):
            if at <= position:
                break
            if whose == placement:
                found.append(record)
        return tuple(reversed(found)), self._forgotten_up_to > position

    def close(self) -> None:
        """The file is not held open."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
