"""Where a process listens: on its own port again, or on another one when somebody took it."""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from staycalm.adapters.process.waiting import wait_ready
from staycalm.kit.clock import SystemClock
from tests.adapters.process_bench import LINUX, play, state_of
from tests.adapters.target_suite import PYTHON, Bench, answers, until

pytestmark = LINUX


def test_a_port_is_none_that_an_outgoing_connection_may_be_given(tmp_path: Path) -> None:
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    if first_outgoing < 25_000:
        pytest.skip("this machine gives nearly every port to outgoing connections")

    async def story(bench: Bench) -> None:
        (instance,) = (await bench.ready()).instances
        assert instance.endpoint is not None
        assert instance.endpoint.port < first_outgoing

    play(tmp_path, story)


def test_a_stopped_instance_gets_its_port_again_unless_somebody_took_it(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        first = (await bench.ready()).instances[0].endpoint
        await bench.target.stop(bench.spec, reason="test")
        assert (await bench.ready()).instances[0].endpoint == first
        await bench.target.stop(bench.spec, reason="test")
        assert first is not None
        with socket.create_server((first.host, first.port)):
            second = (await bench.ready()).instances[0].endpoint
            assert second is not None
            assert second != first
            assert await answers(second)

    play(tmp_path, story)


def test_a_start_that_fails_because_the_port_was_taken_meanwhile_is_made_on_another(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    wait = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"

    async def story(bench: Bench) -> None:
        spec = replace(bench.spec, command=(*PYTHON, "-c", wait + "exec(open('server.py').read())"))
        first = (await bench.target.start(spec)).instances[0].endpoint
        assert first is not None
        with socket.socket() as other:
            other.bind((first.host, first.port))
            gate.touch()
            (instance,) = (await wait_ready(bench.target, spec, SystemClock())).instances
        assert instance.endpoint not in (None, first)
        told = " ".join(line.text for line in await bench.target.logs(spec.revision))
        assert f"port {first.port} is taken by another process" in told

    play(tmp_path, story)


def test_a_program_that_dies_and_finds_its_port_taken_runs_on_another_and_says_so(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        status = await bench.ready()
        endpoint, pid = status.instances[0].endpoint, status.instances[0].pid
        assert endpoint is not None
        assert pid is not None
        state = state_of(tmp_path)
        # Its supervisor held still, the program dies and somebody else listens on its port.
        os.kill(state.shim_pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)

        async def is_free() -> bool:
            return not await answers(endpoint)

        await until(is_free)
        with socket.create_server((endpoint.host, endpoint.port)):
            os.kill(state.shim_pid, signal.SIGCONT)

            async def is_elsewhere() -> bool:
                now = await bench.target.status(bench.spec)
                return now.is_ready and now.instances[0].endpoint != endpoint

            await until(is_elsewhere)
        told = " ".join(line.text for line in await bench.target.logs(bench.spec.revision))
        assert f"port {endpoint.port} is taken by another process" in told

    play(tmp_path, story)
