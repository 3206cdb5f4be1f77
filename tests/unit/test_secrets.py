"""A program gets the secrets its placement refers to; nothing else ever sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from staycalm.app.secrets import FillingTarget
from staycalm.core.placement import Placement
from staycalm.ports.deploy import RevisionSpec, RevisionStatus
from staycalm.ports.errors import InvalidSpec
from tests.conftest import drive


class Recorder:
    """A target that remembers what it was given."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []

    async def prepare(self, spec: RevisionSpec) -> None:
        self.seen.append(("prepare", dict(spec.environment)))

    async def start(self, spec: RevisionSpec) -> RevisionStatus:
        self.seen.append(("start", dict(spec.environment)))
        return RevisionStatus(spec.revision, exists=True, digest=spec.digest)

    async def status(self, spec: RevisionSpec) -> RevisionStatus:
        self.seen.append(("status", dict(spec.environment)))
        return RevisionStatus(spec.revision, exists=True, digest=spec.digest)


def spec_with(**environment: str) -> RevisionSpec:
    placement = Placement("shop", "production")
    return RevisionSpec(
        "shop-production-1", placement, "sha256:" + "0" * 64, "x", ("./x",), environment=environment
    )


def test_secrets_are_filled_in_only_where_a_program_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dsn").write_text("hunter2\n")
    monkeypatch.setenv("SHOP_KEY", "s3cret")
    recorder = Recorder()
    target = FillingTarget(recorder)  # type: ignore[arg-type]
    spec = spec_with(KEY="${env:SHOP_KEY}", DSN=f"postgresql://shop:${{file:{tmp_path / 'dsn'}}}@db/shop")
    drive(target.prepare(spec))
    drive(target.start(spec))
    drive(target.status(spec))
    seen = dict(recorder.seen)
    assert seen["start"] == {"KEY": "s3cret", "DSN": "postgresql://shop:hunter2@db/shop"}
    assert seen["prepare"] == seen["status"] == dict(spec.environment)


def test_a_secret_that_is_not_there_is_named_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_KEY", raising=False)
    recorder = Recorder()
    with pytest.raises(InvalidSpec, match=r"KEY refers to \$\{env:SHOP_KEY\}"):
        drive(FillingTarget(recorder).prepare(spec_with(KEY="${env:SHOP_KEY}")))  # type: ignore[arg-type]
    assert recorder.seen == []
