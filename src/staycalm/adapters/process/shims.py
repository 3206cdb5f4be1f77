"""Starting and stopping shims: what the server does to them from outside."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from staycalm.adapters.process import proc
from staycalm.adapters.process.layout import MARK, InstancePlace
from staycalm.adapters.process.settings import ProcessSettings
from staycalm.ports.errors import InvalidSpec, OutsideUnavailable

SHIM = Path(__file__).with_name("shim.py")
ANSWER_DEADLINE_S = 20.0
KILL_DEADLINE_S = 5.0
LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Program:
    """What a shim is to run. `{port}` in command and environment becomes the port it was given."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    root: Path
    needs_port: bool
    stop_grace_s: float


def launch(instance: InstancePlace, program: Program, settings: ProcessSettings, *, die_with: int | None) -> None:
    """A shim runs the program, or had been running it already. Blocking, about 0.1 s.

    The program's environment goes through a pipe and never to disk: it may hold secrets. The port of the
    last time is used again if it is free. With `die_with` the shim ends as soon as that process does.
    Raises InvalidSpec when the program cannot be run, OutsideUnavailable, OSError.
    """
    before = instance.read_state()
    config = {
        "directory": str(instance.directory),
        "boot": proc.boot_id(),
        "command": program.command,
        "environment": dict(program.environment),
        "root": str(program.root),
        "needs_port": program.needs_port,
        "port": before.port if before is not None else None,
        "address": settings.address,
        "die_with": None if die_with is None else (die_with, proc.start_ticks(die_with)),
        "stop_grace_s": program.stop_grace_s,
        "restart_first_s": settings.restart_first_s,
        "restart_max_s": settings.restart_max_s,
        "restart_reset_s": settings.restart_reset_s,
        "log_max_bytes": settings.log_max_bytes,
        "log_files": settings.log_files,
    }
    answer = _ask(instance, json.dumps(config).encode())
    if problem := answer.get("problem"):
        raise InvalidSpec(f"{instance.revision}: {problem}")


def _ask(instance: InstancePlace, config: bytes) -> dict[str, str | None]:
    complaint = instance.directory / "shim.err"
    with complaint.open("wb") as stderr:
        shim = subprocess.Popen(
            [sys.executable, "-I", "-S", "-X", "utf8", str(SHIM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd="/",
            env={},
            start_new_session=True,
        )
    try:
        text, _ = shim.communicate(config, timeout=ANSWER_DEADLINE_S)
        answer: dict[str, str | None] = json.loads(text)
    except subprocess.TimeoutExpired:
        shim.kill()
        shim.wait()
        raise OutsideUnavailable(
            f"the supervisor of {instance.revision} did not answer within {ANSWER_DEADLINE_S:g} s"
        ) from None
    except ValueError:
        lines = complaint.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line), "no reason given")
        raise OutsideUnavailable(f"the supervisor of {instance.revision} could not start: {last}") from None
    return answer


async def stop(instance: InstancePlace, grace_s: float, reason: str) -> None:
    """Nothing of the instance runs: its shim ended it, or, where the shim was gone or stuck, it was killed.

    Raises OutsideUnavailable when a process survives SIGKILL (it hangs in the kernel).
    """
    state = instance.read_state()
    if state is not None and instance.is_supervised():
        await asyncio.to_thread(proc.send_signal, state.shim_pid, state.shim_ticks, signal.SIGTERM)
        if not await _ends(instance, grace_s + KILL_DEADLINE_S):
            await asyncio.to_thread(proc.send_signal, state.shim_pid, state.shim_ticks, signal.SIGKILL)
            await _ends(instance, KILL_DEADLINE_S)
    await kill_leftovers(instance)
    state = instance.read_state()
    if state is not None and state.phase != "stopped":
        await asyncio.to_thread(instance.mark_stopped, reason)


async def clear(instance: InstancePlace) -> None:
    """The instance has its directories, and nothing of an earlier life runs there, unless a shim lives."""
    instance.work.mkdir(parents=True, exist_ok=True, mode=0o700)
    with instance.locked() as is_ours:
        if is_ours:
            await kill_leftovers(instance)


async def kill_leftovers(instance: InstancePlace) -> None:
    """No process carries the instance's mark any more; there are some only if the shim itself was killed."""
    deadline = asyncio.get_running_loop().time() + KILL_DEADLINE_S
    while left := await asyncio.to_thread(proc.find_marked, MARK, str(instance.directory)):
        if asyncio.get_running_loop().time() > deadline:
            raise OutsideUnavailable(f"{instance.revision}: process {left[0]} survives SIGKILL")
        for pid in left:
            proc.send_signal(pid, proc.start_ticks(pid), signal.SIGKILL)
        await asyncio.sleep(LOOK_EVERY_S)


async def _ends(instance: InstancePlace, within_s: float) -> bool:
    deadline = asyncio.get_running_loop().time() + within_s
    while instance.is_supervised():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(LOOK_EVERY_S)
    return True
