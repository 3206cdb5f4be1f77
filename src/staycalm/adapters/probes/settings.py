"""What the prober may do. Commands live here and nowhere else: a catalogue file can name one, never write one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from staycalm.kit.settings import setting


@dataclass(frozen=True)
class ProbesSettings:
    """Section `probes`."""

    commands: Mapping[str, tuple[str, ...]] = setting(
        factory=dict,
        doc="Commands that probes, smoke tests and data-integrity checks may name: name -> program and arguments.",
    )
    ca_file: Path | None = setting(
        None, doc="PEM file of certificate authorities that HTTPS probes trust besides the system's own."
    )
