"""`python -m staycalm.watch`: what `sc watch` runs."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import signal
import sys
from contextlib import suppress
from pathlib import Path

from staycalm.core.errors import PortError, StayCalmError
from staycalm.kit.clock import Clock, SystemClock
from staycalm.kit.logs import set_up_logs
from staycalm.kit.settings import load
from staycalm.watch import memory
from staycalm.watch.check import look
from staycalm.watch.decisions import Watched, after_check, after_telling, what_to_tell
from staycalm.watch.settings import Settings, check
from staycalm.watch.telling import Contact, contacts, message_of, tell, trial

OK, REFUSED, USAGE, NOBODY_PAGED, UNHEALTHY = 0, 1, 2, 7, 8


def main() -> int:
    """Watch until SIGTERM or SIGINT; returns an exit code of `sc help exit-codes`."""
    parser = argparse.ArgumentParser(
        prog="sc watch", description="Watch a StayCalm server and page when it is silent."
    )
    parser.add_argument("server", nargs="?", help="address of the server")
    parser.add_argument("--settings", type=Path, help="TOML file with [watch], [smtp], [webhook], [ntfy]")
    parser.add_argument("--state", type=Path, help="file that remembers between two runs")
    parser.add_argument("--once", action="store_true", help="one check")
    parser.add_argument("--test", action="store_true", help="send a test message")
    arguments = parser.parse_args()
    clock = SystemClock()
    try:
        settings = load(Settings, arguments.settings)
        if arguments.server:
            settings = dataclasses.replace(
                settings, watch=dataclasses.replace(settings.watch, server=arguments.server)
            )
        check(settings)
        everybody = contacts(settings, clock)
    except StayCalmError as error:
        _say(f"sc watch: {error.message}\n{error.next_step}".rstrip(), is_error=True)
        return USAGE
    except PortError as error:
        _say(f"sc watch: {error}", is_error=True)
        return USAGE
    set_up_logs("warning")
    file = arguments.state or memory.default_file(settings.watch.server)
    dog = Watchdog(settings, everybody, file, clock)
    try:
        return asyncio.run(dog.test() if arguments.test else dog.once() if arguments.once else dog.run())
    except OSError as error:
        _say(f"sc watch: cannot keep {file}: {error.strerror}\nName another with --state.", is_error=True)
        return REFUSED


class Watchdog:
    """One server, its contacts, and what is remembered about it."""

    def __init__(self, settings: Settings, everybody: tuple[Contact, ...], file: Path, clock: Clock) -> None:
        self._settings = settings.watch
        self._contacts = everybody
        self._file = file
        self._clock = clock
        self._known = memory.recall(file)

    async def test(self) -> int:
        """Every contact has a test message; returns 7 when one refused it."""
        taken = await tell(self._contacts, trial(self._settings.server, self._clock))
        _say(f"{taken} of {_count(len(self._contacts), 'contact')} took the test message")
        return OK if taken == len(self._contacts) else NOBODY_PAGED

    async def once(self) -> int:
        """One check is made, and whoever has to be told was; returns 8 when the server is not well, 7 when

        somebody had to be told and nobody was reached.
        """
        was_reached = await self._turn()
        _say(self._sentence())
        if not was_reached:
            return NOBODY_PAGED
        return UNHEALTHY if self._known.failures else OK

    async def run(self) -> int:
        """Check until told to stop."""
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        _say(
            f"Watching {self._settings.server} every {self._settings.every_s:g} s; "
            f"{_count(len(self._contacts), 'contact')} to page "
            f"after {_count(self._settings.checks, 'failed check')}"
        )
        while not stopping.is_set():
            before = self._known
            await self._turn()
            if bool(before.failures) != bool(self._known.failures) or before.told_at != self._known.told_at:
                _say(self._sentence())
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), self._settings.every_s)
        return OK

    async def _turn(self) -> bool:
        """Return False when somebody had to be told and nobody was reached."""
        settings, clock = self._settings, self._clock
        self._know(after_check(self._known, await look(settings), clock.now()))
        due = what_to_tell(self._known, clock.now(), checks=settings.checks, repeat_s=settings.repeat_s)
        if due is None:
            return True
        if not await tell(self._contacts, message_of(due, settings.server, self._known, clock)):
            return False
        self._know(after_telling(self._known, due, clock.now()))
        return True

    def _know(self, known: Watched) -> None:
        if known != self._known:
            self._known = known
            memory.remember(self._file, known)

    def _sentence(self) -> str:
        known, at = self._known, f"{self._clock.now():%Y-%m-%d %H:%M:%S} UTC"
        if not known.failures:
            return f"{at} {self._settings.server} is well"
        told = f"paged {_count(known.tells, 'time')}" if known.tells else "nobody was paged yet"
        return f"{at} {self._settings.server} failed {_count(known.failures, 'check')}: {known.problem} ({told})"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _say(words: str, *, is_error: bool = False) -> None:
    stream = sys.stderr if is_error else sys.stdout
    stream.write(words + "\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main())
