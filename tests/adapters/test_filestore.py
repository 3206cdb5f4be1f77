"""The artifact store: bytes by digest, whole or not at all."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from staycalm.adapters.filestore import FileStore
from staycalm.packing import HashSink
from staycalm.ports.errors import DigestMismatch, InvalidSpec, OutsideUnavailable
from tests.adapters.trees import files_below, written

HELLO = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def test_bytes_are_kept_under_their_digest_and_read_only(store: FileStore, tmp_path: Path) -> None:
    stored = asyncio.run(store.put(written(tmp_path / "a", b"hello")))
    assert (stored.digest, stored.size) == (HELLO, 5)
    assert Path(stored.path).read_bytes() == b"hello"
    assert Path(stored.path).stat().st_mode & 0o777 == 0o444
    assert asyncio.run(store.find(HELLO)) == stored
    assert asyncio.run(store.verify(HELLO)) == stored


def test_the_same_bytes_put_at_once_are_one_artifact(store: FileStore, tmp_path: Path) -> None:
    async def put_many() -> set[str]:
        paths = [written(tmp_path / str(n), b"x" * 300_000) for n in range(8)]
        return {stored.digest for stored in await asyncio.gather(*(store.put(path) for path in paths))}

    assert len(asyncio.run(put_many())) == 1
    assert len(files_below(tmp_path / "store")) == 1


def test_changed_bytes_are_found_by_verify_and_mended_by_put(store: FileStore, tmp_path: Path) -> None:
    source = written(tmp_path / "a", b"hello")
    path = Path(asyncio.run(store.put(source)).path)
    path.chmod(0o644)
    path.write_bytes(b"hullo")
    with pytest.raises(DigestMismatch, match="put the artifact again"):
        asyncio.run(store.verify(HELLO))
    asyncio.run(store.put(source))
    assert asyncio.run(store.verify(HELLO)).size == 5


def test_an_absent_artifact_is_none_to_find_and_refused_by_verify(store: FileStore) -> None:
    assert asyncio.run(store.find(HELLO)) is None
    with pytest.raises(InvalidSpec, match="has no artifact"):
        asyncio.run(store.verify(HELLO))


@pytest.mark.parametrize("digest", ["", "latest", "sha256:" + "0" * 63, HELLO.upper(), "sha256:../../" + "0" * 58])
def test_what_is_no_digest_never_becomes_a_path(store: FileStore, digest: str) -> None:
    with pytest.raises(InvalidSpec, match="no digest"):
        asyncio.run(store.find(digest))


@pytest.mark.parametrize("source", ["nothing-here", "pipe"])
def test_only_files_and_directories_can_be_put(store: FileStore, tmp_path: Path, source: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidSpec, match="no file or directory"):
        asyncio.run(store.put(str(tmp_path / source)))
    assert files_below(tmp_path / "store") == []


def test_a_prefix_lists_the_digests_that_begin_with_it(store: FileStore, tmp_path: Path) -> None:
    for content in (b"hello", b"world"):
        asyncio.run(store.put(written(tmp_path / "a", content)))
    assert asyncio.run(store.list_by_prefix("2cf24d")) == (HELLO,)
    assert asyncio.run(store.list_by_prefix("sha256:2cf24d")) == (HELLO,)
    assert asyncio.run(store.list_by_prefix("ffff")) == ()
    for bad in ("", "2c", "xyz1", "../.."):
        with pytest.raises(InvalidSpec, match="prefix"):
            asyncio.run(store.list_by_prefix(bad))


def test_a_full_disk_leaves_nothing_half_written(store: FileStore, tmp_path: Path) -> None:
    source = written(tmp_path / "big", b"x" * 400_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OutsideUnavailable, match="disk is full") as refusal:
            asyncio.run(store.put(source))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert refusal.value.retryable
    assert files_below(tmp_path / "store") == []


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not(
    store: FileStore, tmp_path: Path
) -> None:
    incoming = tmp_path / "store" / "incoming"
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    left = Path(written(incoming / f"{int(gone.stdout)}-abc", b"half"))
    mine = Path(written(incoming / f"{os.getpid()}-def", b"half"))
    assert asyncio.run(store.sweep()) == 1
    assert not left.exists()
    assert mine.exists()


def test_a_digest_counts_what_it_saw() -> None:
    sink = HashSink()
    sink.write(b"hel")
    sink.write(b"lo")
    assert (sink.digest, sink.size) == (HELLO, 5)
