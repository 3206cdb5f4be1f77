"""A deploy tool behind commands: the shared suite with a small real one, and what becomes of bad ones."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from staycalm.adapters.exec import Command, ExecSettings, ExecTarget
from staycalm.adapters.process import proc
from staycalm.core.placement import Placement
from staycalm.kit.clock import SystemClock
from staycalm.kit.settings import load
from staycalm.ports.deploy import HealthCheck, RevisionStatus
from staycalm.ports.errors import InvalidSpec, OutsideUnavailable, PortError, Rejected, Unsupported
from tests.adapters.deployer import SPEC, open_bench, shell, target_of
from tests.adapters.target_suite import SHOP, Bench, TargetSuite, until


class TestExecTarget(TargetSuite):
    def bench(self, tmp_path: Path) -> AbstractAsyncContextManager[Bench]:
        return open_bench(tmp_path)


# -- commands -----------------------------------------------------------------------------------------


def test_commands_are_read_from_the_servers_settings(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        '[commands.go]\nargv = ["/bin/deploy", "go"]\ntimeout_s = "2m"\npass_environment = ["KUBECONFIG"]\n'
    )
    assert load(ExecSettings, file, {}).commands == {"go": Command(("/bin/deploy", "go"), 120.0, ("KUBECONFIG",))}


def test_a_placement_names_commands_and_cannot_bring_its_own(tmp_path: Path) -> None:
    async def names(placement: Placement) -> Mapping[str, str]:
        return {"start": "shop-start" if placement == SHOP else "rm -rf /"}

    async def story() -> None:
        settings = ExecSettings(commands={"shop-start": shell("echo 127.0.0.1:1"), "start": shell("exit 1")})
        target = ExecTarget(settings, names, SystemClock(), directory=tmp_path)
        assert len((await target.start(replace(SPEC, health=HealthCheck("none", path=None)))).instances) == 1
        with pytest.raises(
            InvalidSpec, match=r"names the command 'rm -rf /' for start; the server's settings have none"
        ):
            await target.start(replace(SPEC, placement=Placement("shop", "staging")))

    asyncio.run(story())


def test_a_command_gets_its_words_as_variables_and_nothing_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SC_SMTP_PASSWORD", "hunter2")
    monkeypatch.setenv("KUBECONFIG", "/etc/kube")
    target = target_of(
        tmp_path, start=shell(f"env > {tmp_path}/seen; pwd >> {tmp_path}/seen", pass_environment=("KUBECONFIG",))
    )
    asyncio.run(target.start(replace(SPEC, environment={"COLOUR": "a; rm -rf $HOME `id`"})))
    seen = (tmp_path / "seen").read_text().splitlines()
    for expected in (
        "SC_ROLE=start",
        "SC_SERVICE=shop",
        "SC_ENVIRONMENT=production",
        "SC_REVISION=shop-production-7",
        f"SC_DIGEST={SPEC.digest}",
        "SC_REFERENCE=registry/shop:7",
        "SC_INSTANCES=1",
        "SC_GRACE_S=10",
        "SC_ENV_COLOUR=a; rm -rf $HOME `id`",
        "KUBECONFIG=/etc/kube",
    ):
        assert expected in seen
    assert not [line for line in seen if "hunter2" in line]
    assert seen[-1] == "/"


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ("echo no quota >&2; exit 1", Rejected, r"command start failed \(exit code 1\): no quota"),
        ("echo bad >&2; exit 64", InvalidSpec, r"exit code 64\): bad"),
        ("exit 65", InvalidSpec, "gave no reason on stderr"),
        ("echo busy >&2; echo; echo ' ' >&2; exit 75", OutsideUnavailable, "busy"),
        ("kill -9 $$", Rejected, "signal 9"),
        ("echo not an endpoint", Rejected, "'not an endpoint' is not host:port"),
        ("yes", Rejected, "printed more than 1048576 bytes"),
        ("echo token is s3cr3t >&2; exit 1", Rejected, r"token is \*\*\*$"),
    ],
)
def test_a_failing_command_is_told_in_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, error: type[PortError], words: str
) -> None:
    monkeypatch.setenv("TOKEN", "s3cr3t")
    if script == "yes":
        script = "head -c 3000000 /dev/zero"
    target = target_of(tmp_path, start=shell(script, pass_environment=("TOKEN",)))
    with pytest.raises(error, match=words) as refusal:
        asyncio.run(target.start(SPEC))
    assert refusal.value.retryable == (error is OutsideUnavailable)


def test_a_command_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match="command start cannot be run: No such file"):
        asyncio.run(target_of(tmp_path, start=Command(("/no/such/tool",))).start(SPEC))


def test_at_its_deadline_a_command_dies_with_all_it_started(tmp_path: Path) -> None:
    told = tmp_path / "child"
    script = f"sleep 600 & echo $! > {told}.new; mv {told}.new {told}; trap '' TERM; sleep 600"
    for timeout_s in (0.5, 2.5, 12.5, 62.5):  # until it was long enough for the command to begin
        with pytest.raises(OutsideUnavailable, match=f"command start did not end within {timeout_s} s"):
            asyncio.run(target_of(tmp_path, start=shell(script, timeout_s=timeout_s)).start(SPEC))
        if told.exists():
            break
    child = int((tmp_path / "child").read_text())

    async def is_gone() -> bool:
        return not proc.is_alive(child, None)

    asyncio.run(until(is_gone))


def test_what_a_start_command_leaves_running_lives_on_and_holds_nothing_up(tmp_path: Path) -> None:
    script = f"sleep 600 & echo $! > {tmp_path}/child; echo 127.0.0.1:9"
    asyncio.run(
        target_of(tmp_path, start=shell(script)).start(replace(SPEC, health=HealthCheck("none", path=None)))
    )
    child = int((tmp_path / "child").read_text())
    assert proc.is_alive(child, None)
    os.kill(child, signal.SIGKILL)


def test_a_cancelled_call_ends_its_command(tmp_path: Path) -> None:
    async def story() -> None:
        script = f"echo $$ > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; sleep 600"
        task = asyncio.create_task(target_of(tmp_path, start=shell(script)).start(SPEC))

        async def has_begun() -> bool:
            return await asyncio.to_thread((tmp_path / "pid").exists)

        await until(has_begun)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not proc.is_alive(int((tmp_path / "pid").read_text()), None)

    asyncio.run(story())


# -- without some of them -----------------------------------------------------------------------------


def test_start_and_stop_are_enough(tmp_path: Path) -> None:
    async def story() -> None:
        spec = replace(SPEC, instances=2, health=HealthCheck("none", path=None))
        target = target_of(tmp_path, start=shell("echo 10.0.0.1:80; echo '[::1]:81'"), stop=shell("true"))
        status = await target.start(spec)
        assert status.is_ready
        assert status.digest is None
        assert [str(i.endpoint.host) for i in status.instances if i.endpoint] == ["10.0.0.1", "::1"]
        assert (await target.adopt((spec,))).revisions == (spec.revision,)
        assert (await target.scale(spec, 0)).instances == ()
        assert (await target.scale(spec, 2)).is_ready
        with pytest.raises(Unsupported, match="no command for 'scale'"):
            await target.scale(spec, 1)
        assert await target.logs(spec.revision) == ()
        with pytest.raises(Unsupported, match="cannot be followed"):
            target.follow(spec.revision)
        await target.remove(spec)
        assert await target.status(spec) == RevisionStatus(spec.revision, False, None)

    asyncio.run(story())


def test_endpoints_are_known_to_the_next_server(tmp_path: Path) -> None:
    spec = replace(SPEC, health=HealthCheck("none", path=None))
    first = asyncio.run(target_of(tmp_path, start=shell("echo 10.0.0.1:80")).start(spec))
    assert asyncio.run(target_of(tmp_path).status(spec)) == first


def test_a_missing_command_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match=r"no command for 'start'; name one of the settings' exec\.commands"):
        asyncio.run(target_of(tmp_path).start(SPEC))


def test_health_checks_by_command_are_refused_because_users_would_bring_the_command(tmp_path: Path) -> None:
    spec = replace(SPEC, health=HealthCheck("command", path=None, command=("rm", "-rf", "/")))
    with pytest.raises(InvalidSpec, match="commands of the catalog are not run here"):
        asyncio.run(target_of(tmp_path, start=shell("true")).start(spec))


def test_a_status_in_plain_lines_is_understood_and_checked_by_http(tmp_path: Path) -> None:
    lines = "exists=true\ndigest=sha256:abc\nready=true\nendpoint=127.0.0.1:9\n"
    target = target_of(tmp_path, start=shell("true"), status=shell(f"printf '{lines}'"))
    status = asyncio.run(target.start(SPEC))
    assert (status.exists, status.digest) == (True, "sha256:abc")
    assert [i.readiness for i in status.instances] == ["starting"]


def test_a_damaged_memory_is_named(tmp_path: Path) -> None:
    (tmp_path / "exec" / "revisions").mkdir(parents=True)
    (tmp_path / "exec" / "revisions" / "shop-production-7.json").write_text("{")
    with pytest.raises(OutsideUnavailable, match=r"shop-production-7\.json is damaged"):
        asyncio.run(target_of(tmp_path).status(SPEC))
