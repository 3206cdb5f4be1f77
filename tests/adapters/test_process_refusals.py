"""What is never run as a process: specifications that cannot be, and bytes that are not those of the digest."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from staycalm.adapters.filestore import FileStore
from staycalm.adapters.process import ProcessTarget
from staycalm.kit.clock import SystemClock
from staycalm.ports.deploy import HealthCheck
from staycalm.ports.errors import DigestMismatch, InvalidSpec, PortError
from tests.adapters.process_bench import FAST, LINUX, marked_below, play
from tests.adapters.target_suite import QUICK, Bench
from tests.adapters.trees import HOSTILE, tar_of

pytestmark = LINUX


def spoil(file: Path) -> None:
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().replace(b"goodbye", b"bad bye"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"command": ("/no/such/program",)}, "/no/such/program cannot be run: No such file"),
        ({"command": ("{root}/server.py",)}, "cannot be run: Permission denied"),
        ({"command": ()}, "there is no command"),
        ({"digest": "sha256:" + "0" * 64}, "has no sha256:000"),
        ({"digest": "v1.2"}, "is no digest"),
        ({"instances": 101}, "0 to 100"),
        ({"instances": -1}, "0 to 100"),
        ({"needs_port": False}, "needs a port"),
        ({"health": replace(QUICK, path="health")}, "begin with a slash"),
        ({"environment": {"A=B": "x"}}, "environment variable"),
    ],
)
def test_what_cannot_be_run_is_refused_in_words(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    async def story(bench: Bench) -> None:
        with pytest.raises(InvalidSpec, match=words):
            await bench.target.start(replace(bench.spec, **changes))  # type: ignore[arg-type]
        assert marked_below(tmp_path / "run") == {}

    play(tmp_path, story)


def test_a_target_that_cannot_write_says_so_as_a_port_error(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        (tmp_path / "file").write_text("")
        target = ProcessTarget(
            FAST, FileStore(tmp_path / "store"), SystemClock(), directory=tmp_path / "file" / "x"
        )
        with pytest.raises(PortError, match="cannot use"):
            await target.start(bench.spec)

    play(tmp_path, story)


def test_stored_bytes_that_changed_are_never_started(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        spoil(Path(bench.spec.reference))
        with pytest.raises(DigestMismatch, match="nothing was started"):
            await bench.target.start(bench.spec)
        assert marked_below(tmp_path / "run") == {}
        assert list((tmp_path / "run").glob("*/*")) == []

    play(tmp_path, story)


def test_a_tar_that_would_write_outside_is_never_unpacked(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        (tmp_path / "evil.tar").write_bytes(tar_of(*HOSTILE["a path upwards"]).getvalue())
        stored = await FileStore(tmp_path / "store").put(str(tmp_path / "evil.tar"))
        with pytest.raises(InvalidSpec, match="outside its tree"):
            await bench.target.prepare(replace(bench.spec, digest=stored.digest))
        assert list((tmp_path / "run").rglob("evil")) == []

    play(tmp_path, story)


def test_files_that_change_under_a_running_revision_are_seen_and_mended(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.ready()
        root = tmp_path / "run" / bench.spec.revision / "root"
        root.chmod(0o755)
        (root / "planted.py").write_text("x")
        seen = (await bench.target.status(bench.spec)).digest
        assert seen is not None
        assert seen != bench.spec.digest
        with pytest.raises(DigestMismatch, match="files that were changed"):
            await bench.target.start(bench.spec)
        await bench.target.stop(bench.spec, reason="test")
        assert (await bench.ready()).digest == bench.spec.digest
        assert not (root / "planted.py").exists()

    play(tmp_path, story)


def test_a_tar_made_by_others_is_proven_by_its_tree(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        with tarfile.open(tmp_path / "other.tar", "w") as tar:
            tar.add(tmp_path / "tree", arcname=".")
        stored = await FileStore(tmp_path / "store").put(str(tmp_path / "other.tar"))
        assert stored.digest != bench.spec.digest
        assert (await bench.ready(replace(bench.spec, digest=stored.digest))).digest == stored.digest

    play(tmp_path, story)


def test_the_digest_is_that_of_the_program_that_runs_not_of_the_file_put_in_its_place(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        stored = await FileStore(tmp_path / "store").put("/bin/sleep")
        sleeper = replace(
            bench.spec,
            digest=stored.digest,
            command=("{root}/artifact", "600"),
            needs_port=False,
            health=HealthCheck("none", path=None),
        )
        assert (await bench.ready(sleeper)).digest == stored.digest
        root = tmp_path / "run" / sleeper.revision / "root"
        root.chmod(0o755)
        (root / "artifact").unlink()
        (root / "artifact").write_bytes(b"something else")
        assert (await bench.target.status(sleeper)).digest == stored.digest

    play(tmp_path, story)
