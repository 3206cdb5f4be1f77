"""Digests, prefixes and references as people write them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from staycalm.core.errors import Invalid

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_HEX = re.compile(r"[0-9a-f]{4,64}\Z")
_ID = re.compile(r"REL-[1-9][0-9]*\Z")


def check_digest(text: str) -> str:
    """Return `text` when it is `sha256:` and 64 lower-case hex digits; else raise Invalid."""
    if not _DIGEST.match(text):
        raise Invalid(
            "bad-digest",
            f"{text!r} is not a digest",
            next_step="Write sha256: and 64 lower-case hexadecimal digits.",
        )
    return text


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a text may name: a release id, a prefix of digests and (without `sha256:`) commits, or a reference."""

    kind: Literal["id", "digest", "hex", "reference"]
    text: str


def read_name(text: str) -> Wanted:
    """Return how to look `text` up; raises Invalid when it can name nothing."""
    raw = text.strip()
    if _ID.match(raw.upper()):
        return Wanted("id", raw.upper())
    if raw.lower().startswith("sha256:"):
        prefix = raw.lower().removeprefix("sha256:")
        if not _HEX.match(prefix):
            raise Invalid(
                "bad-digest",
                f"{text!r} is not a digest or a prefix of one",
                next_step="Write sha256: and 4 to 64 hexadecimal digits.",
            )
        return Wanted("digest", prefix)
    if _HEX.match(raw.lower()):
        return Wanted("hex", raw.lower())
    if not raw:
        raise Invalid("bad-release", "no release is named", next_step="Name REL-n, a digest or a commit.")
    return Wanted("reference", raw)
