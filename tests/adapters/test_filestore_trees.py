"""A directory is one artifact: packed alike by everybody, and unpacked only where it belongs."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from staycalm.adapters.filestore import FileStore, unpack
from staycalm.packing import is_packed, make_read_only, remove_tree, tree_digest
from staycalm.ports.errors import InvalidSpec
from tests.adapters.trees import HOSTILE, files_below, make_tree, member, packed, tar_of, written


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
