"""What every deploy target promises, run with real processes that answer real HTTP."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest

from staycalm.adapters.process.waiting import wait_ready
from staycalm.core.placement import Placement
from staycalm.kit.clock import SystemClock
from staycalm.ports.deploy import DeployTarget, HealthCheck, RevisionSpec, RevisionStatus
from staycalm.ports.errors import InvalidSpec, NotReady
from staycalm.ports.traffic import Endpoint

T = TypeVar("T")
SHOP = Placement("shop", "production")
QUICK = HealthCheck(path="/health", timeout_s=20.0, interval_s=0.02, start_deadline_s=60.0)
PYTHON = (sys.executable, "-I", "-S")

# Speaks just enough HTTP. `BEHAVIOUR` chooses what it does wrong.
SERVER = r"""
import json, os, signal, socket, sys, time

behaviour = os.environ.get("BEHAVIOUR", "")
print("starting", os.environ.get("SC_REVISION", ""), flush=True)
print("a complaint", file=sys.stderr, flush=True)
if behaviour == "crash":
    sys.exit(3)
if behaviour == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if behaviour == "polite":
    def leave(*_):
        print("goodbye", flush=True)
        os._exit(0)
    signal.signal(signal.SIGTERM, leave)
if behaviour == "family":
    for escape in (False, True):
        if os.fork() == 0:
            if escape:
                os.setsid()
                if os.fork():
                    os._exit(0)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                time.sleep(60)

def burn():
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass

server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    client, _ = server.accept()
    request = client.recv(4096)
    if not request:
        client.close()
        continue
    path = request.split(b" ")[1].decode()
    status, body = 200, ""
    if path == "/die":
        os._exit(7)
    elif path == "/env":
        body = json.dumps(dict(os.environ))
    elif path == "/burn":
        burn()
    elif path.startswith("/print/"):
        for n in range(int(path.split("/")[2])):
            print("line", n, "." * 40)
        sys.stdout.flush()
    elif path == "/health" and behaviour == "sick":
        status = 500
    head = f"HTTP/1.1 {status} x\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    client.sendall((head + body).encode())
    client.close()
"""


def write_server(directory: Path) -> Path:
    """Return a tree that holds the server program."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "server.py").write_text(SERVER)
    return directory


async def until(what: Callable[[], Awaitable[T]], *, within_s: float = 60.0) -> T:
    """Return the first true answer; fails the test at the deadline."""
    end = asyncio.get_running_loop().time() + within_s
    while not (answer := await what()):
        assert asyncio.get_running_loop().time() < end, "the state did not come"
        await asyncio.sleep(0.02)
    return answer


async def get(endpoint: Endpoint | None, path: str) -> tuple[int, str]:
    assert endpoint is not None
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session,
        session.get(f"http://{endpoint.host}:{endpoint.port}{path}") as answer,
    ):
        return answer.status, await answer.text()


async def get_json(endpoint: Endpoint | None, path: str) -> Any:
    return json.loads((await get(endpoint, path))[1])


async def answers(endpoint: Endpoint | None) -> bool:
    try:
        return (await get(endpoint, "/"))[0] == 200
    except aiohttp.ClientError:
        return False


def pids(status: RevisionStatus) -> list[int | None]:
    return [instance.pid for instance in status.instances]


@dataclass(frozen=True)
class Bench:
    """A target, and a revision that it can run: `SERVER`, behind health check `QUICK`."""

    target: DeployTarget
    spec: RevisionSpec

    def behaving(self, behaviour: str, **changes: Any) -> RevisionSpec:
        return replace(self.spec, environment={"BEHAVIOUR": behaviour}, **changes)

    async def ready(self, spec: RevisionSpec | None = None) -> RevisionStatus:
        spec = spec or self.spec
        await self.target.start(spec)
        return await wait_ready(self.target, spec, SystemClock())


class TargetSuite:
    """Subclasses open a bench; after each story nothing may be left running."""

    def bench(self, tmp_path: Path) -> AbstractAsyncContextManager[Bench]:
        raise AssertionError("a subclass opens the bench")

    def play(self, tmp_path: Path, story: Callable[[Bench], Awaitable[None]]) -> None:
        async def inside() -> None:
            async with self.bench(tmp_path) as bench:
                await story(bench)

        asyncio.run(inside())

    def test_a_started_revision_answers_and_is_what_was_registered(self, tmp_path: Path) -> None:
        async def story(bench: Bench) -> None:
            status = await bench.ready()
            assert (status.exists, status.digest, len(status.instances)) == (True, bench.spec.digest, 1)
            assert await answers(status.instances[0].endpoint)

        self.play(tmp_path, story)

    def test_nothing_is_known_of_a_revision_that_never_was(self, tmp_path: Path) -> None:
        async def story(bench: Bench) -> None:
            assert await bench.target.status(bench.spec) == RevisionStatus(bench.spec.revision, False, None)
            await bench.target.stop(bench.spec, reason="test")
            await bench.target.remove(bench.spec)
            assert await bench.target.logs(bench.spec.revision) == ()

        self.play(tmp_path, story)

    def test_starting_twice_starts_once(self, tmp_path: Path) -> None:
        async def story(bench: Bench) -> None:
            await asyncio.gather(bench.target.start(bench.spec), bench.target.start(bench.spec))
            first = await bench.ready()
            again = await bench.target.start(bench.spec)
            assert len(first.instances) == 1
            assert pids(again) == pids(first)
            assert again.instances[0].endpoint == first.instances[0].endpoint

        self.play(tmp_path, story)

    def test_a_stopped_revision_is_silent_and_starts_again(self, tmp_path: Path) -> None:
        async def story(bench: Bench) -> None:
            first = await bench.ready()
            await bench.target.stop(bench.spec, reason="test")
            await bench.target.stop(bench.spec, reason="test")
            stopped = await bench.target.status(bench.spec)
            assert not stopped.is_ready
            assert not await answers(first.instances[0].endpoint)
            second = await bench.ready()
            assert pids(second) != pids(first)

        self.play(tmp_path, story)

    def test_scaling_sets_the_number_of_copies(self, tmp_path: Path) -> None:
        async def story(bench: Bench) -> None:
            for wanted in (2, 1, 0, 2):
                await bench.target.scale(bench.spec, wanted)
                if wanted:
                    await wait_ready(bench.target, bench.spec, SystemClock())
                status = await bench.target.status(bench.spec)
                assert len(status.instances) == wanted
                assert len(set(pids(status))) == wanted
                assert len({i.endpoint for i in status.instances}) == wanted
                for instance in status.instances:
                    assert await answers(instance.endpoint)

        self.play(tmp_path, story)

    def test_a_copy_that_went_away_comes_back_with_the_next_start(self, tmp_path: Path) -> None:
        async def story(bench: Bench) -> None:
            first = await bench.ready()
            with pytest.raises(aiohttp.ClientError):
                await get(first.instances[0].endpoint, "/die")
            second = await bench.ready()
            assert pids(second) != pids(first)
            assert len(second.instances) == 1

        self.play(tmp_path, story)

    def test_a_sick_revision_is_not_ready_and_says_what_it_logged(self, tmp_path: Path) -> None:
        async def story(bench: Bench) -> None:
            sick = bench.behaving("sick", health=replace(QUICK, start_deadline_s=0.3))
            await bench.target.start(sick)

            async def has_spoken() -> bool:
                logged = await bench.target.logs(sick.revision)
                return any(line.text == f"starting {sick.revision}" for line in logged)

            await until(has_spoken)
            with pytest.raises(NotReady, match="not healthy after") as refusal:
                await wait_ready(bench.target, sick, SystemClock())
            assert f"starting {sick.revision}" in refusal.value.log_lines

        self.play(tmp_path, story)

    def test_what_nobody_asked_for_is_reported_and_left_alone(self, tmp_path: Path) -> None:
        async def story(bench: Bench) -> None:
            other = replace(bench.spec, revision="shop-production-8")
            await bench.ready()
            await bench.ready(other)
            adoption = await bench.target.adopt((bench.spec, replace(bench.spec, revision="shop-production-9")))
            assert adoption.revisions == (bench.spec.revision,)
            assert adoption.orphans == (other.revision,)
            assert (await bench.target.status(other)).is_ready
            await bench.target.stop(other, reason="test")

        self.play(tmp_path, story)

    def test_a_removed_revision_leaves_nothing(self, tmp_path: Path) -> None:
        async def story(bench: Bench) -> None:
            first = await bench.ready()
            await bench.target.remove(bench.spec)
            assert not (await bench.target.status(bench.spec)).exists
            assert not await answers(first.instances[0].endpoint)
            assert await bench.target.logs(bench.spec.revision) == ()

        self.play(tmp_path, story)

    @pytest.mark.parametrize("name", ["", "../shop", "shop/7", ".", "Shop", "x" * 200])
    def test_a_name_that_could_be_a_path_is_refused(self, tmp_path: Path, name: str) -> None:
        async def story(bench: Bench) -> None:
            with pytest.raises(InvalidSpec, match="cannot name a revision"):
                await bench.target.start(replace(bench.spec, revision=name))

        self.play(tmp_path, story)
