"""Running a named command: no shell, a deadline, bounded output, the whole process group ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from staycalm.adapters.exec.settings import Command, ExecSettings
from staycalm.core.placement import Placement
from staycalm.ports.errors import InvalidSpec, OutsideUnavailable, Rejected, Unsupported

NamesOf = Callable[[Placement], Awaitable[Mapping[str, str]]]
"""Answers which command a placement names for a role, such as {"start": "shop-start"}."""

LONGEST_OUTPUT = 1024 * 1024
LONGEST_COMPLAINT = 4096
COMPLAINT_SHOWN = 300
LATE_OUTPUT_S = 0.5
# sysexits.h: what a script says when the fault is the caller's, or will pass.
EX_USAGE, EX_DATAERR, EX_TEMPFAIL = 64, 65, 75
_ALWAYS_PASSED = ("PATH", "HOME", "USER", "LANG", "TZ")


@dataclass(frozen=True, slots=True)
class Output:
    """What a command that ended by itself left."""

    code: int
    stdout: bytes
    complaint: str
    is_cut: bool


class Commands:
    """The commands of the settings, asked for by the role they play for a placement."""

    def __init__(self, settings: ExecSettings, names_of: NamesOf) -> None:
        self._commands = settings.commands
        self._names_of = names_of

    async def find(self, placement: Placement, role: str) -> str | None:
        """Return the command's name: the one that the placement names for the role, else one called like it.

        Raises InvalidSpec when the placement names a command that the settings do not have.
        """
        name = (await self._names_of(placement)).get(role)
        if name is None:
            return role if role in self._commands else None
        if name not in self._commands:
            raise InvalidSpec(
                f"{placement} names the command {name!r} for {role}; the server's settings have none"
            )
        return name

    def has(self, name: str) -> bool:
        return name in self._commands

    async def require(self, placement: Placement, role: str) -> str:
        """Return the command's name; raises Unsupported when nothing plays the role."""
        name = await self.find(placement, role)
        if name is None:
            raise Unsupported(f"{placement} has no command for {role!r}; name one of the settings' exec.commands")
        return name

    async def run(self, placement: Placement, role: str, variables: Mapping[str, str]) -> str:
        """Return what the role's command printed; raises Unsupported when there is none (see `run_named`)."""
        return await self.run_for(placement, role, await self.require(placement, role), variables)

    async def run_for(self, placement: Placement, role: str, name: str, variables: Mapping[str, str]) -> str:
        """Return what this command printed in the role (see `run_named`)."""
        about = {"SC_SERVICE": placement.service, "SC_ENVIRONMENT": placement.environment, "SC_ROLE": role}
        return await self.run_named(name, {**variables, **about})

    async def run_named(self, name: str, variables: Mapping[str, str]) -> str:
        """Return what the command printed, at most 1 MiB of UTF-8.

        Raises InvalidSpec (exit code 64 or 65, or it cannot be run), OutsideUnavailable (75, or its time
        is over), Rejected (any other code, or too much output).
        """
        command = self._commands.get(name)
        if command is None:
            raise InvalidSpec(f"the server's settings have no command {name!r} any more")
        passed = {n: os.environ[n] for n in command.pass_environment if n in os.environ}
        base = {n: os.environ[n] for n in _ALWAYS_PASSED if n in os.environ}
        try:
            output = await run_argv(command, {**base, **passed, **variables})
        except TimeoutError:
            raise OutsideUnavailable(f"command {name} did not end within {command.timeout_s:g} s") from None
        except (OSError, ValueError) as error:
            reason = (
                error.strerror
                if isinstance(error, OSError)
                else "a variable's name or value cannot be passed to a program"
            )
            raise InvalidSpec(f"command {name} cannot be run: {reason}") from None
        if output.code:
            raise _failure(name, output, passed)
        if output.is_cut:
            raise Rejected(f"command {name} printed more than {LONGEST_OUTPUT} bytes")
        return output.stdout.decode("utf-8", "replace")


async def run_argv(command: Command, environment: Mapping[str, str]) -> Output:
    """The command ended by itself. Raises TimeoutError after `timeout_s`, OSError, ValueError.

    At the deadline, and when the caller is cancelled, its process group is killed. What it left running
    after it ended by itself stays: a start command may start something.
    """
    loop = asyncio.get_running_loop()
    out, err = _Collector(keep_end=False, limit=LONGEST_OUTPUT), _Collector(keep_end=True, limit=LONGEST_COMPLAINT)
    async with contextlib.AsyncExitStack() as stack:
        writers = []
        for collector in (out, err):
            reader, writer = os.pipe()
            writers.append(stack.enter_context(os.fdopen(writer, "wb", buffering=0)))
            transport, _ = await loop.connect_read_pipe(
                lambda collector=collector: collector,  # type: ignore[misc]
                os.fdopen(reader, "rb", buffering=0),
            )
            stack.callback(transport.close)
        process = await asyncio.create_subprocess_exec(
            *command.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writers[0],
            stderr=writers[1],
            env=dict(environment),
            cwd="/",
            start_new_session=True,
        )
        for writer_end in writers:
            writer_end.close()
        try:
            async with asyncio.timeout(command.timeout_s):
                code = await process.wait()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        # Something it started may hold the pipes open for ever: what is in them now is all that counts.
        for collector in (out, err):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(collector.ended.wait(), LATE_OUTPUT_S)
    return Output(code, bytes(out.data), err.data.decode("utf-8", "replace"), out.is_cut)


class _Collector(asyncio.Protocol):
    """Keeps the beginning, or the end, of what comes."""

    def __init__(self, *, keep_end: bool, limit: int) -> None:
        self.data = bytearray()
        self.is_cut = False
        self.ended = asyncio.Event()
        self._keep_end = keep_end
        self._limit = limit

    def data_received(self, data: bytes) -> None:
        self.data += data
        if len(self.data) > self._limit:
            self.is_cut = True
            self.data = self.data[-self._limit :] if self._keep_end else self.data[: self._limit]

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()


def _failure(name: str, output: Output, passed: Mapping[str, str]) -> InvalidSpec | OutsideUnavailable | Rejected:
    """Return the error of an exit code, with the last line of complaint; values that were passed are masked."""
    lines = [line.strip() for line in output.complaint.splitlines() if line.strip()]
    last = lines[-1] if lines else "it gave no reason on stderr"
    for value in sorted(passed.values(), key=len, reverse=True):
        if value:
            last = last.replace(value, "***")
    what = f"exit code {output.code}" if output.code > 0 else f"signal {-output.code}"
    message = f"command {name} failed ({what}): {last[:COMPLAINT_SHOWN]}"
    if output.code in (EX_USAGE, EX_DATAERR):
        return InvalidSpec(message)
    if output.code == EX_TEMPFAIL:
        return OutsideUnavailable(message)
    return Rejected(message)
