"""Every reader of foreign bytes gives a value or its documented error. `benchmarks/fuzz.py` asks them for long."""

from __future__ import annotations

import importlib.util
import io
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staycalm import packing
from staycalm.core.durations import parse_duration
from staycalm.core.errors import Invalid
from staycalm.packing import unpack
from staycalm.ports.errors import InvalidSpec


def load_targets() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "fuzz_targets.py"
    spec = importlib.util.spec_from_file_location("fuzz_targets", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


TARGETS = load_targets().TARGETS
EDITS = st.lists(
    st.tuples(st.integers(0, 4096), st.integers(0, 12), st.integers(0, 60), st.binary(max_size=3)), max_size=4
)


@pytest.mark.parametrize("name", sorted(TARGETS))
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(which=st.integers(0, 20), edits=EDITS)
def test_damaged_input_is_read_or_refused(name: str, which: int, edits: list[tuple[int, int, int, bytes]]) -> None:
    target = TARGETS[name]
    data = bytearray(target.examples[which % len(target.examples)])
    for at, gone, word, raw in edits:
        start = at % (len(data) + 1)
        data[start : start + gone] = raw + (target.words[word % len(target.words)] if target.words else b"")
    try:
        target.read(bytes(data))
    except target.refusals:
        return


BROKE = {
    "a YAML escape beyond Unicode": ("configuration file", b'a: "\\UFFFFFFFF"'),
    "a YAML escape above the last character": ("configuration file", b'a: "\\U00110000"'),
    "a YAML version of 5,000 digits": ("configuration file", b"%YAML 1." + b"9" * 5000 + b"\n---\na: b\n"),
    "a size no float holds": ("names and ids", b"5" + b"1" * 400),
    "bytes that are not UTF-8 in a visitor's cookie": ("access-log line", b'{"client":"\xfd","status":200}'),
    "a placement that is none": ("access-log line", b'{"cluster":"a@B/blue","route":"user","status":200}'),
    "a time no float holds": (
        "access-log line",
        b'{"cluster":"s@p/blue","route":"user","took_us":1' + b"0" * 400 + b"}",
    ),
    "nested reports": ("webhook body", b'{"summary":"a","details":{"x":' + b"[" * 100_000),
    "nested answers of Prometheus": ("metrics: Prometheus", b"[" * 100_000),
    "nested output of a command": ("metrics: command output", b'{"a":' + b"[" * 100_000),
    "a pid no float holds": ("metrics: command output", b'{"instances":[{"pid":1' + b"0" * 400 + b"}]}"),
    "statistics without a name": ("metrics: proxy counters", b'{"stats":[{"value":3}]}'),
    "an origin that is no URL": ("headers", b"POST\nhost: calm\norigin: http://["),
}


@pytest.mark.parametrize("what", BROKE)
def test_what_once_broke_a_parser_is_refused(what: str) -> None:
    name, data = BROKE[what]
    try:
        TARGETS[name].read(data)
    except TARGETS[name].refusals:
        return


@pytest.mark.parametrize(
    "text", ["9" * 2_000_000, "9" * 1_000_000 + "x", "9" * 40 + "w", "1e5", "inf", "nan", "-1s", "6000w"]
)
def test_a_duration_beyond_reason_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_duration(text)


def tar_of(*members: tuple[str, bytes, str, int], **pax: str) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers=pax) as tar:
        for name, kind, target, size in members:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.size = kind, target, size
            tar.addfile(entry, io.BytesIO(bytes(size)))
    return buffer


def test_hard_links_cannot_multiply_a_tar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "LEAST_ROOM", 100_000)
    links = [(f"l{n}", tarfile.LNKTYPE, "a" if n == 0 else f"l{n - 1}", 0) for n in range(200)]
    with pytest.raises(InvalidSpec, match="far larger"):
        unpack(tar_of(("a", tarfile.REGTYPE, "", 50_000), *links), tmp_path)
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) < 4_000_000


def test_a_tar_has_a_bound_of_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MOST_MEMBERS", 10)
    with pytest.raises(InvalidSpec, match="members"):
        unpack(tar_of(*[(f"d{n}", tarfile.DIRTYPE, "", 0) for n in range(12)]), tmp_path)


def test_a_header_is_not_read_into_memory_whatever_it_says(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match="impossible size"):
        unpack(tar_of(("a", tarfile.REGTYPE, "", 1), comment="9" * 200_000), tmp_path)


def test_a_negative_size_does_not_read_one_header_for_ever(tmp_path: Path) -> None:
    raw = bytearray(tar_of(("a", tarfile.REGTYPE, "", 1)).getvalue())
    raw[124:136] = b"\xff" * 12
    raw[148:156] = b"%06o\0 " % (256 + sum(raw[0:148]) + sum(raw[156:512]))
    with pytest.raises(InvalidSpec, match="not a whole tar"):
        unpack(io.BytesIO(bytes(raw)), tmp_path)
