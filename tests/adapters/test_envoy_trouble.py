"""What goes wrong half-way, on a real Envoy: nothing is left that another try cannot put right."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from staycalm.adapters.envoy import find_binary
from staycalm.ports.traffic import Listener
from tests.adapters.envoys import QUICK, running
from tests.adapters.shop import open_shop, until
from tests.adapters.test_envoy_certificate import certify, served_certificate
from tests.ports import free_port

pytestmark = pytest.mark.envoy


def test_neighbours_on_one_listener_get_another_certificate_one_after_the_other(tmp_path: Path) -> None:
    async def story() -> None:
        port = free_port()
        (tmp_path / "new").mkdir()
        old, new = (
            Listener("127.0.0.1", port, *map(str, certify(where, f"{where.name}.example")))
            for where in (tmp_path, tmp_path / "new")
        )
        wanted = ssl.PEM_cert_to_DER_cert((tmp_path / "new" / "cert.pem").read_text())
        async with (
            running(tmp_path / "envoy") as router,
            open_shop(router, port, listener=old) as one,
            open_shop(router, port, listener=old) as two,
        ):
            await one.weigh(0)
            await two.weigh(0)
            await router.ensure(one.spec(listener=new))

            async def is_new() -> bool:
                return await served_certificate(port) == wanted

            await until(is_new)
            await router.ensure(two.spec(listener=new))
            for shop in (one, two):
                url, headers = f"https://127.0.0.1:{port}/", {"Host": shop.host}
                async with shop.http.get(url, headers=headers, ssl=False) as answer:
                    assert (answer.status, await answer.text()) == (200, "blue")

    asyncio.run(story())


def test_a_removal_that_failed_half_way_is_finished_when_asked_again(tmp_path: Path) -> None:
    async def story() -> None:
        port = free_port()
        async with (
            running(tmp_path) as router,
            open_shop(router, port) as one,
            open_shop(router, port) as two,
        ):
            await one.weigh(0)
            await two.weigh(0)
            assert router.pid is not None
            os.kill(router.pid, signal.SIGSTOP)
            try:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(router.remove(one.placement), 0.2)
            finally:
                os.kill(router.pid, signal.SIGCONT)
            await router.remove(one.placement)
            for shop, status in ((one, 404), (two, 200)):
                async with shop.http.get(f"http://127.0.0.1:{port}/", headers={"Host": shop.host}) as answer:
                    assert answer.status == status
            await router.detach()
            async with running(tmp_path) as again:
                assert [edge.split for edge in await again.observe(one.placement)] == [None]

    asyncio.run(story())


def test_a_proxy_of_which_nothing_could_be_noted_is_noted_later(tmp_path: Path) -> None:
    """A full disk as it was started again: whoever comes next must find it, for it holds the ports."""

    async def story() -> None:
        settings = replace(QUICK, liveness_interval_s=0.05)
        async with running(tmp_path, settings) as router, open_shop(router, free_port()) as shop:
            await shop.weigh(0)
            killed, note = router.pid, tmp_path / "envoy.pid"
            assert killed is not None
            note.unlink()
            note.mkdir()
            os.kill(killed, signal.SIGKILL)

            async def is_back() -> bool:
                return router.pid not in (None, killed) and (await router.observe(shop.placement))[0].is_live

            await until(is_back)
            note.rmdir()

            async def is_noted() -> bool:
                return note.is_file()

            await until(is_noted)

    asyncio.run(story())


def test_a_rollback_outlives_its_route_file(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as router, open_shop(router, free_port()) as shop:
            await shop.weigh(50)
            await router.roll_back(shop.placement)
            await router.stop()
            for routes in (tmp_path / "rds").glob("*/routes.json"):
                routes.unlink()
            async with running(tmp_path) as again:
                (edge,) = await again.observe(shop.placement)
                assert edge.split is not None and edge.split.candidate_weight == 0

    asyncio.run(story())


def envoy_script(directory: Path, line: str) -> Path:
    """Return an Envoy that does what the line says."""
    script, draft = directory / "envoy", directory / "envoy.draft"
    draft.write_text(f"#!/bin/sh\n{line}\n")
    draft.chmod(0o755)
    os.replace(draft, script)
    return script


def test_a_proxy_that_cannot_start_is_told_and_serves_once_the_cause_is_gone(tmp_path: Path) -> None:
    """Its program is broken for a while, and by then another one has taken its port."""

    async def story() -> None:
        binary, port = (await find_binary()).path, free_port()
        works = f'exec {shlex.quote(str(binary))} "$@"'
        settings = replace(QUICK, binary=envoy_script(tmp_path, works))
        async with running(tmp_path / "envoy-files", settings) as router, open_shop(router, port) as shop:
            generation = await shop.weigh(100)

            async def is_told() -> bool:
                (edge,) = await router.observe(shop.placement)
                return "no such luck" in (edge.problem or "") and "no such luck" in "".join(router.troubles)

            async def is_refused() -> bool:
                (edge,) = await router.observe(shop.placement)
                return "in use" in (edge.problem or "")

            async def serves() -> bool:
                (edge,) = await router.observe(shop.placement)
                return (edge.generation, edge.problem, router.troubles) == (generation, None, ())

            envoy_script(tmp_path, "echo no such luck; exit 1")
            assert router.pid is not None and router.troubles == ()
            os.kill(router.pid, signal.SIGKILL)
            await until(is_told)
            with socket.create_server(("127.0.0.1", port)):
                envoy_script(tmp_path, works)
                await until(is_refused)
            await until(serves)
            assert await shop.ask_times(20) == {(200, "green"): 20}

    asyncio.run(story())
