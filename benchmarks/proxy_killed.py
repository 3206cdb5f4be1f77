"""A killed proxy: how long until it serves again, and what that costs visitors.

`python benchmarks --only proxy_killed`

Clients in a process of their own ask over kept connections, about 500 times a second; one that is found closed
is opened anew. A request whose connection breaks under it is asked once more on a new one, which RFC 9110,
section 9.2.2, lets every client do with a GET; it has failed when that breaks, too. Everybody is on one slot, so
an answer from the other one is a wrong weight. The floor is a pair of bare Envoys with nothing of ours: the
kernel closes what was open on a killed process, whoever owns it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from report import Figure, Options
from shift_latency import UPSTREAM, bare_command, free_port, program

from staycalm.adapters.envoy import EnvoyRouter, EnvoySettings
from staycalm.core.placement import Placement
from staycalm.kit.clock import SystemClock
from staycalm.ports.traffic import Endpoint, Listener, RouteSpec, Split

KILLS, CALM_S = 10, 2.0
PLACEMENT = Placement("bench", "production")
Kill = Callable[[], Awaitable[None]]
CLIENT = """
import asyncio, json, sys, time
port, connections, pause_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
seen, going = [], True
async def once(kept):
    if kept[0] is None:
        kept[0] = await asyncio.open_connection("127.0.0.1", port)
    reader, writer = kept[0]
    writer.write(b"GET / HTTP/1.1\\r\\nhost: bench.example\\r\\n\\r\\n")
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    body = await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
    return body.decode()[:1] if head.startswith(b"HTTP/1.1 200") else ""
async def visit(kept):
    if kept[0] is not None and kept[0][0].at_eof():
        kept[0][1].close()
        kept[0] = None
    for asked in (1, 2):
        try:
            return await once(kept), asked
        except (asyncio.IncompleteReadError, OSError):
            if kept[0] is not None:
                kept[0][1].close()
            kept[0] = None
    return "", asked
async def ask():
    kept = [None]
    while going:
        at = time.monotonic()
        answer, asked = await visit(kept)
        seen.append((at, time.monotonic(), answer, asked))
        await asyncio.sleep(pause_s)
async def main():
    global going
    tasks = [asyncio.create_task(ask()) for _ in range(connections)]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    going = False
    await asyncio.gather(*tasks)
asyncio.run(main())
json.dump(seen, sys.stdout)
"""


async def visited(port: int, kills: int, kill: Kill) -> dict[str, Any]:
    """Return what the visitors saw of so many kills: `back_ms` of each, and what broke, failed or went astray."""
    with program(CLIENT, port, 4, 0.006) as clients:
        killed_at = []
        for _ in range(kills):
            await asyncio.sleep(CALM_S)
            killed_at.append(time.monotonic())
            await kill()
        await asyncio.sleep(CALM_S)
        output, _ = await asyncio.to_thread(clients.communicate, b"")
    seen = json.loads(output)
    return {
        "back_ms": [1000 * (served_again(seen, at) - at) for at in killed_at],
        "requests": len(seen),
        "broken": sum(asked > 1 for *_, asked in seen),
        "failed": sum(answer == "" for _, _, answer, _ in seen),
        "astray": sum(answer == "b" for _, _, answer, _ in seen),
    }


def served_again(seen: Sequence[tuple[float, float, str, int]], killed_at: float) -> float:
    """Return when the first answer came to a request that was made after the last one nobody served."""
    unserved = [at for at, _, answer, _ in seen if not answer and killed_at <= at < killed_at + CALM_S]
    later = [until for at, until, answer, _ in seen if answer and at > max(unserved, default=killed_at)]
    return min(later, default=killed_at + CALM_S)


async def ours(root: Path, members: tuple[int, int], kills: int, *, pair: bool) -> dict[str, Any]:
    """Return what killing the product's proxy, or those of its pair in turn, showed."""
    port = free_port()
    router = EnvoyRouter(root, EnvoySettings(concurrency=1 if pair else 2, pair=pair), SystemClock())
    await router.start()
    ends = {"blue": (Endpoint("127.0.0.1", members[0]),), "green": (Endpoint("127.0.0.1", members[1]),)}

    turns = itertools.cycle(range(len(router.pids)))

    async def kill() -> None:
        os.kill(router.pids[next(turns)], signal.SIGKILL)

    try:
        spec = RouteSpec(PLACEMENT, Listener("127.0.0.1", port), ("bench.example",), members=ends)  # type: ignore[arg-type]
        await router.ensure(spec)
        await router.set_split(PLACEMENT, Split("blue", "green", 100.0), generation=1, fence=1)
        return await visited(port, kills, kill)
    finally:
        await router.stop()


@asynccontextmanager
async def bare_envoys(root: Path, port: int, members: tuple[int, int]) -> AsyncIterator[Kill]:
    """Two Envoys on one port; yields what kills the elder and starts it again."""
    command = await bare_command(root, port, members, weight=1000)

    async def start() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(*command, "--concurrency", "1")

    running = [await start(), await start()]

    async def kill() -> None:
        killed = running.pop(0)
        killed.kill()
        await killed.wait()
        running.append(await start())

    try:
        await asyncio.sleep(1)
        yield kill
    finally:
        for each in running:
            each.kill()
            await each.wait()


async def bare_pair(root: Path, members: tuple[int, int], kills: int) -> dict[str, Any]:
    """Return what killing one of two bare Envoys showed."""
    port = free_port()
    async with bare_envoys(root, port, members) as kill:
        return await visited(port, kills, kill)


async def all_three(kills: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, program(UPSTREAM) as upstream:
        root = Path(folder)
        blue, green = (int(word) for word in upstream.stdout.readline().split())
        members = (blue, green)
        return {
            "alone": await ours(root / "alone", members, kills, pair=False),
            "pair": await ours(root / "pair", members, kills, pair=True),
            "bare pair": await bare_pair(root / "bare", members, kills),
        }


def measured(options: Options) -> tuple[list[Figure], Any]:
    kills = 5 if options.is_quick else KILLS
    raw = [asyncio.run(all_three(kills)) for _ in range(options.runs)]

    def total(who: str, what: str) -> int:
        return sum(run[who][what] for run in raw)

    many = kills * len(raw)
    back = statistics.median(ms for run in raw for ms in run["alone"]["back_ms"])
    floor = {"peer": total("bare pair", "broken") / many, "peer_name": "bare pair"}
    return [
        Figure(f"the only proxy killed: until it serves again, median of {many}", back, "ms", 300.0),
        Figure("the same: answers by other weights than before", total("alone", "astray"), "requests", 0.0),
        Figure("one of a pair killed: failed when asked again", total("pair", "failed"), "requests", 0.0),
        Figure(
            "one of a pair killed: requests broken under way, per kill",
            total("pair", "broken") / many,
            "",
            **floor,
        ),
    ], raw
