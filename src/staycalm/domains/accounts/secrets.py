"""Secrets that machines carry: their form and the digest that is stored instead of them. Pure."""

from __future__ import annotations

import hashlib
from typing import Literal

Kind = Literal["pat", "ses", "inv", "set"]


def label(kind: Kind, random_text: str) -> str:
    """Return the secret as it is handed out; the log blanks everything of this form."""
    return f"sc_{kind}_{random_text}"


def digest(secret: str) -> str:
    """Return what is stored: SHA-256 in hex. Enough for 256 random bits, never for a password."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
