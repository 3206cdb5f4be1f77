"""How documents are printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from staycalm.kit.settings import setting


@dataclass(frozen=True)
class TypstSettings:
    """Section `typst`."""

    paper: Literal["a4", "us-letter"] = setting("a4", doc="Paper size of printed documents.")
    use_system_fonts: bool = setting(
        True, doc="Take characters that the built-in fonts lack (such as Chinese) from this machine's fonts."
    )
    timeout_s: float = setting(60.0, unit="s", doc="Longest time for printing one document.")
