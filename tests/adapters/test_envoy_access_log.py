"""The access log read in steps: every line counts once, whenever the server is killed."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.adapters.envoy.access_log import AccessLog, Line
from staycalm.core.placement import Placement

SHOP = Placement("shop", "production")
ROTATE_BYTES = 500


def log_line(number: int) -> bytes:
    line = Line(cluster=f"{SHOP}/blue", route="user", status=200, client=f"client-{number}", took_us=number)
    return msgspec.json.encode(line) + b"\n"


def drain(log: AccessLog) -> None:
    while log.pull():
        pass


@given(st.lists(st.integers(1, 400), max_size=12))
def test_a_log_cut_anywhere_gives_every_record_once(tmp_path_factory: Any, cuts: list[int]) -> None:
    path = tmp_path_factory.mktemp("log") / "access.log"
    whole, log, at = b"".join(log_line(n) for n in range(20)), AccessLog(path, 10**9), 0
    with path.open("ab", buffering=0) as file:
        for size in [*cuts, len(whole)]:
            file.write(whole[at : at + size])
            at += size
            drain(log)
    records, is_incomplete = log.since(SHOP, 0)
    assert [record.duration_ms for record in records] == [n / 1000 for n in range(20)]
    assert (log.position, is_incomplete, log.unreadable) == (len(whole), False, 0)
    log.close()


def test_a_rotation_loses_nothing_and_positions_go_on(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    writer, log = path.open("ab", buffering=0), AccessLog(path, ROTATE_BYTES)
    for number in range(10):
        writer.write(log_line(number))
    drain(log)
    drain(log)
    assert log.needs_reopen and not path.exists()
    writer.write(log_line(10))
    drain(log)
    position = log.position
    writer = path.open("ab", buffering=0)
    writer.write(log_line(11))
    drain(log)
    assert not log.needs_reopen and len(list(tmp_path.iterdir())) == 2
    assert [r.duration_ms for r in log.since(SHOP, position)[0]] == [0.011]
    assert len(log.since(SHOP, 0)[0]) == 12
    log.close()
    again = AccessLog(path, ROTATE_BYTES)
    drain(again)
    assert [r.duration_ms for r in again.since(SHOP, position)[0]] == [0.011]
    again.close()


def test_a_damaged_line_is_counted_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(log_line(1) + b'{"cluster": "shop@pro' + log_line(2) + log_line(3))
    log = AccessLog(path, 10**9)
    drain(log)
    assert [r.duration_ms for r in log.since(SHOP, 0)[0]] == [0.001, 0.003]
    assert log.unreadable == 1
    log.close()


class Writer:
    """Writes as the proxy does: on into the open file, whatever it is called now, until it is asked to reopen."""

    def __init__(self, path: Path, told: int) -> None:
        finished = sorted(path.parent.glob("*.old"))
        self._path, self._told = path, told
        self._file = (path if path.exists() or not finished else finished[-1]).open("ab", buffering=0)

    def write(self, number: int) -> None:
        self._file.write(log_line(number))
        os.write(self._told, b"0\n")

    def reopen(self) -> None:
        self._file = self._path.open("ab", buffering=0)


def serve(path: Path, told: int, numbers: range, position: int) -> None:
    """One life of a server: after each line it commits what it counted, and how far, to `told`."""
    log, writer = AccessLog(path, ROTATE_BYTES), Writer(path, told)
    for number in numbers:
        writer.write(number)
        drain(log)
        records, is_incomplete = log.since(SHOP, position)
        position = log.position
        counted = [round(record.duration_ms * 1000) for record in records]
        os.write(told, json.dumps([position, counted, is_incomplete]).encode() + b"\n")
        if log.needs_reopen:
            writer.reopen()
    log.close()


def serve_and_die(path: Path, told: int, numbers: range, position: int, steps: int) -> bool:
    """Return whether the server was killed, before the step after so many that touch a name on disk."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    left = itertools.count(steps, -1)

    def kill(event: str, arguments: tuple[Any, ...]) -> None:
        if arguments and str(path.parent) in str(arguments[0]) and next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(kill)
    try:
        serve(path, told, numbers, position)
    finally:
        os._exit(0)


def test_a_server_killed_at_any_step_of_a_rotation_counts_every_request_once(tmp_path: Path) -> None:
    for steps in itertools.count():
        path = tmp_path / str(steps) / "access.log"
        path.parent.mkdir()
        ledger = path.parent.with_suffix(".ledger")
        told = os.open(ledger, os.O_RDWR | os.O_CREAT | os.O_APPEND)

        def position(ledger: Path = ledger) -> int:
            commits = [each for each in map(json.loads, ledger.read_text().splitlines()) if each]
            return int(commits[-1][0]) if commits else 0

        def written(ledger: Path = ledger) -> int:
            return ledger.read_text().splitlines().count("0")

        serve(path, told, range(6), position())
        was_killed = serve_and_die(path, told, range(6, 20), position(), steps)
        serve(path, told, range(written(), 32), position())
        commits = [each for each in map(json.loads, ledger.read_text().splitlines()) if each]
        assert [n for _, counted, _ in commits for n in counted] == list(range(32)), f"killed after {steps} steps"
        assert not any(is_incomplete for _, _, is_incomplete in commits)
        os.close(told)
        if not was_killed:
            break
    assert steps > 20


@pytest.mark.parametrize("harm", ["removed", "emptied"])
def test_a_log_that_somebody_removes_or_empties_is_read_on(tmp_path: Path, harm: str) -> None:
    path, told = tmp_path / "access.log", os.open(os.devnull, os.O_WRONLY)
    writer, log = Writer(path, told), AccessLog(path, 10**9)
    for number in range(3):
        writer.write(number)
    drain(log)
    position = log.position
    path.unlink() if harm == "removed" else os.truncate(path, 0)
    drain(log)
    if log.needs_reopen:
        writer.reopen()
    writer.write(3)
    drain(log)
    again = AccessLog(path, 10**9)
    drain(again)
    for reader in (log, again):
        records, is_incomplete = reader.since(SHOP, position)
        assert ([record.duration_ms for record in records], is_incomplete) == ([0.003], False)
        assert not reader.needs_reopen
        reader.close()
    os.close(told)


def test_what_a_reader_cannot_know_of_is_told(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    (tmp_path / f"{1000:020}.old").write_bytes(log_line(1))
    path.write_bytes(log_line(2))
    log = AccessLog(path, 10**9)
    drain(log)
    cursors = (999, 1000, log.position, log.position + 1)
    assert [(len(found), incomplete) for found, incomplete in (log.since(SHOP, at) for at in cursors)] == [
        (2, True),
        (2, False),
        (0, False),
        (0, True),
    ]
    log.close()
