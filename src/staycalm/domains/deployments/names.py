"""How people name a deployment. Pure."""

from __future__ import annotations

import re
from typing import Literal

from staycalm.core.errors import Invalid

_ID = re.compile(r"DEP-[1-9][0-9]*\Z")
_HEX = re.compile(r"[0-9a-f]{4,64}\Z")


def read_name(text: str) -> tuple[Literal["id", "digest", "hex"], str]:
    """Return what kind of name it is; raises Invalid when it can name no deployment."""
    raw = text.strip()
    if _ID.match(raw.upper()):
        return "id", raw.upper()
    lower = raw.lower()
    if lower.startswith("sha256:") and _HEX.match(lower.removeprefix("sha256:")):
        return "digest", lower.removeprefix("sha256:")
    if _HEX.match(lower):
        return "hex", lower
    raise Invalid(
        "bad-deployment",
        f"{text!r} does not name a deployment",
        next_step="Use an id such as DEP-7, or at least 4 hexadecimal digits of its digest or commit.",
    )
