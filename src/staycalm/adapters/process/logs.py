"""Reading what the shims write: JSON lines, rotated (`shim.Log`). A torn line, of a full disk, is skipped."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from staycalm.adapters.process.layout import InstancePlace, RevisionPlace
from staycalm.ports.deploy import LogLine

BLOCK_SIZE = 64 * 1024


def read_tail(place: RevisionPlace, tail: int) -> tuple[LogLine, ...]:
    """Return the last `tail` lines over all instances, oldest first. Blocking."""
    found: list[LogLine] = []
    for instance in place.instances():
        found.extend(reversed(list(islice(_newest_first(instance), tail))))
    # Lines of one write have one time; the sort is stable and keeps their order.
    found.sort(key=lambda line: line.at_s)
    return tuple(found[-tail:])


class Follower:
    """Reads on where it stopped, across rotations. Begins at the end of what is there now."""

    def __init__(self, place: RevisionPlace) -> None:
        self._place = place
        self._open: dict[int, _Tap] = {i.number: _Tap(i, at_end=True) for i in place.instances()}

    def read(self) -> list[LogLine]:
        """Return what was written since the last read, oldest first. Blocking."""
        for instance in self._place.instances():
            if instance.number not in self._open:
                self._open[instance.number] = _Tap(instance, at_end=False)
        lines = [line for tap in self._open.values() for line in tap.read()]
        return sorted(lines, key=lambda line: line.at_s)

    def close(self) -> None:
        """No file is open any more."""
        for tap in self._open.values():
            tap.close()


class _Tap:
    """One instance's log, read forwards."""

    def __init__(self, instance: InstancePlace, *, at_end: bool) -> None:
        self._instance = instance
        self._file: BinaryIO | None = None
        self._rest = b""
        if at_end:
            self._open(log_files(instance.directory)[:1], os.SEEK_END)

    def read(self) -> Iterator[LogLine]:
        yield from self._read_open()
        for path in self._newer():
            self._open([path], os.SEEK_SET)
            yield from self._read_open()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _newer(self) -> list[Path]:
        """Return the files that were begun after the open one, oldest first."""
        paths = log_files(self._instance.directory)
        if self._file is None:
            return paths[::-1]
        newer = []
        for path in paths:
            try:
                if os.path.samestat(path.stat(), os.fstat(self._file.fileno())):
                    break
            except FileNotFoundError:
                continue
            newer.append(path)
        return newer[::-1]

    def _open(self, paths: list[Path], whence: int) -> None:
        self.close()
        self._rest = b""
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                self._file = path.open("rb")
                self._file.seek(0, whence)

    def _read_open(self) -> Iterator[LogLine]:
        while self._file is not None and (block := self._file.read(BLOCK_SIZE)):
            *whole, self._rest = (self._rest + block).split(b"\n")
            for raw in whole:
                if line := parse_line(self._instance, raw):
                    yield line


def log_files(directory: Path) -> list[Path]:
    """Return the log files of an instance, newest first."""
    rotated = sorted(directory.glob("log.*.jsonl"), key=lambda path: int(path.name.split(".")[1]))
    current = directory / "log.jsonl"
    return [*([current] if current.exists() else []), *rotated]


def parse_line(instance: InstancePlace, raw: bytes) -> LogLine | None:
    """Return the line, or None when it is torn."""
    try:
        record = json.loads(raw)
        return LogLine(instance.revision, instance.number, record["t"], record["s"], record["m"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _newest_first(instance: InstancePlace) -> Iterator[LogLine]:
    for path in log_files(instance.directory):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue
        with file:
            for raw in _lines_backwards(file):
                if line := parse_line(instance, raw):
                    yield line


def _lines_backwards(file: BinaryIO) -> Iterator[bytes]:
    position, rest = file.seek(0, os.SEEK_END), b""
    while position > 0:
        size = min(BLOCK_SIZE, position)
        position -= size
        file.seek(position)
        rest, *lines = (file.read(size) + rest).split(b"\n")
        yield from reversed(lines)
    yield rest
