"""The artifact store: bytes by digest, whole or not at all; a directory is one artifact."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import resource
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from staycalm.adapters.filestore import FileStore, pack_directory, unpack
from staycalm.packing import HashSink, is_packed, make_read_only, remove_tree, tree_digest
from staycalm.ports.errors import DigestMismatch, InvalidSpec, OutsideUnavailable

HELLO = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "store")


def written(path: Path, content: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


def files_below(path: Path) -> list[Path]:
    return [p for p in path.rglob("*") if p.is_file()]


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


# -- directories ---------------------------------------------------------------------------------------


def make_tree(root: Path) -> Path:
    written(root / "bin" / "run", b"#!/bin/sh\n")
    (root / "bin" / "run").chmod(0o750)
    written(root / "data" / "grüße.txt", b"hallo")
    (root / "empty").mkdir()
    (root / "current").symlink_to("data")
    (root / "bin" / "greeting").symlink_to("../data/grüße.txt")
    return root


def packed(root: Path) -> bytes:
    buffer = io.BytesIO()
    pack_directory(root, buffer)
    return buffer.getvalue()


def test_the_same_tree_is_the_same_artifact_whoever_packs_it_and_when(store: FileStore, tmp_path: Path) -> None:
    first = make_tree(tmp_path / "first")
    second = make_tree(tmp_path / "second")
    os.utime(second / "bin" / "run", (1, 1))
    (second / "data" / "grüße.txt").chmod(0o600)
    stored = asyncio.run(store.put(str(first)))
    assert stored.digest == asyncio.run(store.put(str(second))).digest == tree_digest(first)
    assert stored.digest == f"sha256:{hashlib.sha256(packed(first)).hexdigest()}"
    (second / "bin" / "run").chmod(0o640)
    assert tree_digest(second) != stored.digest


def test_a_packed_tree_has_no_owner_and_no_time(tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(packed(make_tree(tmp_path / "t")))) as tar:
        members = tar.getmembers()
    assert [m.name for m in members] == sorted(m.name for m in members)
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}
    assert {m.name: oct(m.mode) for m in members if m.isreg()} == {
        "bin/run": "0o755",
        "data/grüße.txt": "0o644",
    }


def test_unpacking_gives_the_tree_back_and_packing_that_the_digest(tmp_path: Path) -> None:
    original = packed(make_tree(tmp_path / "t"))
    (tmp_path / "out").mkdir()
    unpack(io.BytesIO(original), tmp_path / "out")
    make_read_only(tmp_path / "out")
    assert packed(tmp_path / "out") == original
    assert (tmp_path / "out" / "bin" / "greeting").read_text() == "hallo"
    assert (tmp_path / "out" / "bin" / "run").stat().st_mode & 0o777 == 0o555
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o555
    remove_tree(tmp_path / "out")
    assert not (tmp_path / "out").exists()


names = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/"), min_size=1, max_size=60
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    tree=st.dictionaries(
        st.lists(
            names.filter(lambda n: n not in (".", "..") and len(n.encode()) < 200), min_size=1, max_size=3
        ).map(tuple),
        st.binary(max_size=2000),
        max_size=8,
    )
)
def test_any_tree_survives_packing_and_unpacking(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[tuple[str, ...], bytes]
) -> None:
    root, out = tmp_path_factory.mktemp("in"), tmp_path_factory.mktemp("out")
    kept = {
        path: content
        for path, content in tree.items()
        if not any(other != path and other[: len(path)] == path for other in tree)
    }
    for path, content in kept.items():
        written(root.joinpath(*path), content)
    unpack(io.BytesIO(packed(root)), out)
    assert {p.relative_to(out).parts: p.read_bytes() for p in files_below(out)} == kept
    assert tree_digest(out) == tree_digest(root)


def link(target: str) -> Callable[[Path], None]:
    return lambda root: (root / "sub" / "link").symlink_to(target)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (link("/etc/passwd"), "leaves the artifact's tree"),
        (link("../../x"), "leaves the artifact's tree"),
        (link("../sub/../../x"), "down and up again"),
        (lambda root: os.mkfifo(root / "sub" / "pipe"), "neither file, directory nor symbolic link"),
        (lambda root: written(Path(os.fsdecode(bytes(root / "sub") + b"/\xff")), b""), "not UTF-8"),
    ],
)
def test_what_cannot_be_an_artifact_is_refused_by_name(
    store: FileStore, tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    root = tmp_path / "tree"
    (root / "sub").mkdir(parents=True)
    make(root)
    with pytest.raises(InvalidSpec, match=words):
        asyncio.run(store.put(str(root)))
    assert files_below(tmp_path / "store") == []


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, target, size
    return entry


def tar_of(*members: tarfile.TarInfo) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for entry in members:
            tar.addfile(entry, io.BytesIO(b"x" * entry.size))
    buffer.seek(0)
    return buffer


HOSTILE = {
    "a path upwards": [member("../evil", size=1)],
    "a path up and down": [member("a/../../evil", size=1)],
    "an absolute path": [member("/tmp/evil", size=1)],
    "a link upwards": [member("l", tarfile.SYMTYPE, "..")],
    "an absolute link": [member("l", tarfile.SYMTYPE, "/tmp")],
    "a file through a link": [member("l", tarfile.SYMTYPE, "d"), member("d", tarfile.DIRTYPE), member("l/evil")],
    "a link through a link": [
        member("d/up", tarfile.SYMTYPE, ".."),
        member("out", tarfile.SYMTYPE, "d/up/../.."),
    ],
    "a hard link to the outside": [member("l", tarfile.LNKTYPE, "/etc/passwd")],
    "a device": [member("null", tarfile.CHRTYPE)],
    "a pipe": [member("pipe", tarfile.FIFOTYPE)],
    "the same name twice": [member("a", size=1), member("a", size=2)],
    "a file below a file": [member("a", size=1), member("a/b", size=1)],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_tar_is_refused_and_nothing_appears_outside(tmp_path: Path, what: str) -> None:
    out = tmp_path / "jail" / "out"
    out.mkdir(parents=True)
    with pytest.raises(InvalidSpec):
        unpack(tar_of(*HOSTILE[what]), out)
    assert [p for p in tmp_path.rglob("*") if out not in p.parents] == [tmp_path / "jail", out]
    assert not Path("/tmp/evil").exists()


def test_a_tar_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    whole = tar_of(member("a", size=5000)).getvalue()
    with pytest.raises(InvalidSpec, match="not a whole tar"):
        unpack(io.BytesIO(whole[:2000]), tmp_path)


def test_a_hard_link_becomes_a_copy_of_what_it_names(tmp_path: Path) -> None:
    unpack(tar_of(member("a", size=3), member("b", tarfile.LNKTYPE, "a")), tmp_path)
    assert (tmp_path / "b").read_bytes() == b"xxx"
    assert (tmp_path / "b").stat().st_nlink == 1


def test_a_tar_is_told_from_any_other_file() -> None:
    assert is_packed(tar_of(member("a", size=3)))
    assert not is_packed(io.BytesIO(b"#!/bin/sh\n" * 100))
    assert not is_packed(io.BytesIO(b""))


def test_a_digest_counts_what_it_saw() -> None:
    sink = HashSink()
    sink.write(b"hel")
    sink.write(b"lo")
    assert (sink.digest, sink.size) == (HELLO, 5)
