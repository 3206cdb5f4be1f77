"""How long until the last request meets the old weights: StayCalm's router beside the bare proxy, in one run.

`python benchmarks --only shift_latency`

Clients in a process of their own ask over kept connections, 500 times a second or more. Every shift
moves all traffic from one slot to the other. For each: the time from the command to the start of the last
request that the old slot answered (0 when there was none), and, for StayCalm, the time to its confirmation. The
bare proxy gets its route file by one rename, with nothing of ours in between: it is the floor. Between two
commands lie at least 300 ms, three times the goal, so that a late request is seen. What a command over HTTP
takes is in command_latency.py.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from report import Figure, Options, percentile

from staycalm.adapters.envoy import EnvoyRouter, EnvoySettings, find_binary
from staycalm.core.placement import Placement
from staycalm.kit.clock import SystemClock
from staycalm.ports.traffic import Endpoint, Listener, RouteSpec, Split


@dataclass(frozen=True)
class Load:
    """Clients that pause between requests; `neighbours` are other placements behind the same listener."""

    shifts: int = 100
    rollbacks: int = 20
    connections: int = 4
    pause: float = 0.002
    neighbours: int = 0
    apart_s: float = 0.3


UPSTREAM = """
import asyncio, sys
async def serve(name):
    async def talk(reader, writer):
        try:
            while await reader.readuntil(b"\\r\\n\\r\\n"):
                writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 1\\r\\n\\r\\n" + name)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]
async def main():
    servers = [await serve(b"b"), await serve(b"g")]
    print(*(port for _, port in servers), flush=True)
    await asyncio.gather(*(server.serve_forever() for server, _ in servers))
asyncio.run(main())
"""
CLIENT = """
import asyncio, json, sys, time
port, connections, pause_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
seen, failed, going = [], 0, True
async def ask():
    global failed
    while going:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while going:
                at = time.monotonic()
                writer.write(b"GET / HTTP/1.1\\r\\nhost: bench.example\\r\\n\\r\\n")
                head = await reader.readuntil(b"\\r\\n\\r\\n")
                body = await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
                failed += not head.startswith(b"HTTP/1.1 200")
                seen.append((at, body.decode()[:1]))
                await asyncio.sleep(pause_s)
        except (asyncio.IncompleteReadError, ConnectionError):
            failed += 1
        writer.close()
async def main():
    global going
    tasks = [asyncio.create_task(ask()) for _ in range(connections)]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    going = False
    await asyncio.gather(*tasks)
asyncio.run(main())
json.dump({"seen": seen, "failed": failed}, sys.stdout)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def program(text: str, *arguments: object) -> Any:
    command = [sys.executable, "-I", "-S", "-c", text, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def bare_routes(version: int, weight: int) -> bytes:
    clusters = [{"name": "blue", "weight": 1000 - weight}, {"name": "green", "weight": weight}]
    route = {"match": {"prefix": "/"}, "route": {"weighted_clusters": {"clusters": clusters}}}
    host = {"name": "all", "domains": ["*"], "routes": [route]}
    kind = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
    resource = {"@type": kind, "name": "app", "virtual_hosts": [host]}
    return json.dumps({"version_info": str(version), "resources": [resource]}).encode()


def bare_bootstrap(root: Path, port: int, members: tuple[int, int]) -> dict[str, Any]:
    def cluster(name: str, at: int) -> dict[str, Any]:
        address = {"socket_address": {"address": "127.0.0.1", "port_value": at}}
        ends = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
        return {"name": name, "type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": ends}}

    source = {"resource_api_version": "V3", "path_config_source": {"path": str(root / "rds" / "routes.json")}}
    types = "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{types}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "app",
        "rds": {"route_config_name": "app", "config_source": source},
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{types}.http.router.v3.Router"}},
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    listener = {
        "name": "app",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": filters}],
    }
    both = [cluster("blue", members[0]), cluster("green", members[1])]
    return {
        "node": {"id": "bare", "cluster": "bare"},
        "static_resources": {"clusters": both, "listeners": [listener]},
    }


def last_on_old(seen: list[tuple[float, str]], commands: list[tuple[float, str]], until: float) -> list[float]:
    """Return, for each command, milliseconds to the start of the last request answered by the other slot."""
    ends = [at for at, _ in commands[1:]] + [until]
    late = []
    for (at, slot), end in zip(commands, ends, strict=True):
        old = [sent - at for sent, body in seen if at <= sent < end and body != slot]
        late.append(max(old, default=0.0) * 1000)
    return late


async def measure(port: int, options: Load, shift: Any) -> dict[str, Any]:
    """Return ms to the last request on the old weights per shift, requests, failures and requests per second."""
    with program(CLIENT, port, options.connections, options.pause) as client:
        await asyncio.sleep(0.7)
        commands = []
        for number in range(options.shifts):
            slot = "g" if number % 2 == 0 else "b"
            commands.append((time.monotonic(), slot))
            await shift(slot)
            await asyncio.sleep(options.apart_s)
        until = time.monotonic()
        output, _ = await asyncio.to_thread(client.communicate, b"")
    result = json.loads(output)
    seen, lasted_s = result["seen"], until - commands[0][0]
    during = sum(commands[0][0] <= at < until for at, _ in seen)
    return {
        "late_ms": last_on_old(seen, commands, until),
        "requests": len(seen), "failed": result["failed"], "per_s": during / lasted_s,
    }  # fmt: skip


async def bare_command(root: Path, port: int, members: tuple[int, int], *, weight: int) -> list[str]:
    """Return what starts an Envoy with nothing of ours; its files are in `root`, `weight` is in 0.1 %."""
    (root / "rds").mkdir(parents=True)
    (root / "rds" / "routes.json").write_bytes(bare_routes(1, weight))
    (root / "bootstrap.json").write_text(json.dumps(bare_bootstrap(root, port, members)))
    binary = await find_binary()
    return [str(binary.path), "-c", str(root / "bootstrap.json"), "--disable-hot-restart", "-l", "error"]


async def bare(root: Path, members: tuple[int, int], options: Load) -> dict[str, Any]:
    port, versions = free_port(), iter(range(2, 10**9))
    command = await bare_command(root, port, members, weight=0)
    envoy = await asyncio.create_subprocess_exec(*command, "--concurrency", "2")

    async def shift(slot: str) -> None:
        draft = root / "draft.json"
        draft.write_bytes(bare_routes(next(versions), 1000 if slot == "g" else 0))
        os.replace(draft, root / "rds" / "routes.json")

    try:
        await asyncio.sleep(1)
        return {"bare rename": await measure(port, options, shift)}
    finally:
        envoy.kill()
        await envoy.wait()


async def staycalm(root: Path, members: tuple[int, int], options: Load) -> dict[str, Any]:
    port, generations = free_port(), iter(range(1, 10**9, 2))
    router = EnvoyRouter(root, EnvoySettings(concurrency=2), SystemClock())
    await router.start()
    ends = {"blue": (Endpoint("127.0.0.1", members[0]),), "green": (Endpoint("127.0.0.1", members[1]),)}
    placement, took, back = Placement("bench", "production"), [], []
    try:
        for number in range(options.neighbours):
            name = f"neighbour-{number}"
            spec = RouteSpec(Placement(name, "production"), Listener("127.0.0.1", port), (f"{name}.example",))
            await router.ensure(spec)
        hosts = ("bench.example",)
        await router.ensure(RouteSpec(placement, Listener("127.0.0.1", port), hosts, members=ends))  # type: ignore[arg-type]

        async def weigh(slot: str) -> None:
            split = Split("blue", "green", 100.0 if slot == "g" else 0.0)
            done = await router.set_split(placement, split, generation=next(generations), fence=1)
            took.append(done.took_s * 1000)

        async def weigh_and_roll_back(slot: str) -> None:
            if slot == "g":
                await weigh(slot)
            else:
                back.append((await router.roll_back(placement)).took_s * 1000)

        await weigh("b")
        took.clear()
        shifted = await measure(port, options, weigh) | {"confirmed_ms": list(took)}
        options = replace(options, shifts=2 * options.rollbacks)
        rolled = await measure(port, options, weigh_and_roll_back)
        rolled |= {"late_ms": rolled["late_ms"][1::2], "confirmed_ms": back}
        return {"set_split": shifted, "roll_back": rolled}
    finally:
        await router.stop()


async def both(load: Load) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as root, program(UPSTREAM) as upstream:
        first, second = (int(word) for word in upstream.stdout.readline().split())
        for one in (bare, staycalm):
            found |= await one(Path(root) / one.__name__, (first, second), load)
    return found


def measured(options: Options) -> tuple[list[Figure], Any]:
    raw = [asyncio.run(both(Load())) for _ in range(options.runs)]

    def p99(name: str, what: str = "late_ms") -> float:
        return statistics.median(percentile(run[name][what], 0.99) for run in raw)

    floor = {"peer": p99("bare rename"), "peer_name": "bare Envoy"}
    failed = sum(run[name]["failed"] for run in raw for name in ("set_split", "roll_back"))
    requests = sum(run[name]["requests"] for run in raw for name in ("set_split", "roll_back"))
    rate = min(run[name]["per_s"] for run in raw for name in ("set_split", "roll_back"))
    return [
        Figure("weight change -> last request on the old weights: p99", p99("set_split"), "ms", 100.0, **floor),
        Figure("rollback -> last request on the candidate: p99", p99("roll_back"), "ms", 100.0, **floor),
        Figure("weight change -> confirmed by the proxy: p99", p99("set_split", "confirmed_ms"), "ms"),
        Figure(f"failed of {requests:,} requests during shifts and rollbacks", failed, "requests", 0.0),
        Figure("requests meanwhile, the least of the runs", rate, "/s", 500.0, is_rate=True),
    ], raw
