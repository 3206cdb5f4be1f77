"""What the kernel knows of processes. Linux: /proc (proc(5)). Elsewhere: the little that POSIX tells."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
HAS_PROC = (PROC / "self" / "stat").exists()
_DEAD_STATES = ("Z", "X", "x")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tree of processes uses: CPU seconds so far, memory in bytes (shared pages count in each process)."""

    cpu_s: float
    memory_bytes: int


def boot_id() -> str:
    """Return what changes at every boot: start ticks of two boots do not compare. Empty without /proc."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def start_ticks(pid: int) -> int | None:
    """Return when the process started, in clock ticks since boot; None when it is not there, or without /proc."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def is_alive(pid: int, ticks: int | None) -> bool:
    """Return whether this very process still runs; a zombie does not, a re-used pid is another process."""
    if not HAS_PROC:
        return _exists(pid)
    fields = _stat(pid)
    return bool(fields) and fields[0] not in _DEAD_STATES and (ticks is None or int(fields[19]) == ticks)


def send_signal(pid: int, ticks: int | None, number: signal.Signals) -> bool:
    """This very process got the signal; False when it is gone. The pid cannot be re-used in between on Linux."""
    try:
        if not hasattr(os, "pidfd_open") or not hasattr(signal, "pidfd_send_signal"):
            if is_alive(pid, ticks):
                os.kill(pid, number)
            return True
        handle = os.pidfd_open(pid)
        try:
            if not is_alive(pid, ticks):
                return False
            signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)
    except ProcessLookupError:
        return False
    return True


def usage(pid: int) -> Usage | None:
    """Return what the process and everything below it uses; None when it is gone, or without /proc."""
    own = _stat(pid)
    if not own:
        return None
    tick_s, page = 1 / os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    cpu_ticks, pages = 0, 0
    todo, seen = [(pid, own)], {pid}
    while todo:
        here, fields = todo.pop()
        # utime, stime, and those of children that were waited for: fields 14 to 17; rss: 24.
        cpu_ticks += sum(int(n) for n in fields[11:15])
        pages += int(fields[21])
        for child in _children(here) - seen:
            seen.add(child)
            if found := _stat(child):
                todo.append((child, found))
    return Usage(cpu_ticks * tick_s, pages * page)


def find_marked(variable: str, value: str) -> tuple[int, ...]:
    """Return the processes whose environment holds `variable=value`; empty without /proc.

    Only processes of the same user can be looked into.
    """
    mark = f"{variable}={value}".encode()
    return tuple(pid for pid, entries in _environments() if mark in entries)


def list_marks(variable: str) -> dict[int, str]:
    """Return pid and value of every process whose environment has the variable; empty without /proc."""
    start = f"{variable}=".encode()
    found = {}
    for pid, entries in _environments():
        for entry in entries:
            if entry.startswith(start):
                found[pid] = os.fsdecode(entry[len(start) :])
    return found


def _environments() -> list[tuple[int, list[bytes]]]:
    found = []
    for name in os.listdir(PROC) if HAS_PROC else []:
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            entries = (PROC / name / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if is_alive(int(name), None):
            found.append((int(name), entries))
    return found


def _children(pid: int) -> set[int]:
    try:
        text = (PROC / str(pid) / "task" / str(pid) / "children").read_text(encoding="ascii")
    except OSError:
        return set()
    return {int(word) for word in text.split()}


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
