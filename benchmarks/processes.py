"""What a process and its children cost, from /proc: processor time and memory."""

from __future__ import annotations

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def processor_s(pid: int) -> float:
    """Return user and system time of the process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(pid: int) -> tuple[float, float]:
    """Return (proportional, resident) memory of the process in MB of 10**6 bytes; (0, 0) when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return 0.0, 0.0
    kb = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return kb["Pss"] * 1024 / 1e6, kb["Rss"] * 1024 / 1e6


def processes_of(directory: Path) -> dict[int, str]:
    """Return the processes that name the data directory, work in it or hold a file of it: pid -> command line."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                used = [(entry / "cwd").readlink(), *(each.readlink() for each in (entry / "fd").iterdir())]
            except OSError:
                continue
            if str(directory) in line or any(each.is_relative_to(directory) for each in used):
                found[int(entry.name)] = line
    return found
