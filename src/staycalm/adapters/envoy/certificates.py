"""Certificates of TLS listeners: read together, checked together, replaced together."""

from __future__ import annotations

import ssl
from pathlib import Path

import msgspec

from staycalm.adapters.envoy.files import Layout, read_json, replace
from staycalm.adapters.envoy.listeners import compose_secret
from staycalm.adapters.envoy.specs import listener_name
from staycalm.ports.errors import InvalidSpec
from staycalm.ports.traffic import Listener

Signature = tuple[tuple[int, int, int], ...]


def signature(listener: Listener) -> Signature | None:
    """Return what changes when a certificate file does, also behind a link; None when one is missing."""
    try:
        found = [Path(name).stat() for name in (listener.certificate_file, listener.key_file) if name]
    except OSError:
        return None
    return tuple((s.st_mtime_ns, s.st_size, s.st_ino) for s in found)


def read_pair(listener: Listener) -> tuple[str, str]:
    """Return (certificate, key) in PEM; raises InvalidSpec when they cannot be read or do not belong together."""
    assert listener.certificate_file is not None and listener.key_file is not None
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(listener.certificate_file, listener.key_file, password=lambda: "")
        return Path(listener.certificate_file).read_text("ascii"), Path(listener.key_file).read_text("ascii")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "not in PEM form"
        raise InvalidSpec(
            f"certificate {listener.certificate_file} and key {listener.key_file} cannot be used: {reason}"
        ) from None


def publish_pair(layout: Layout, listener: Listener) -> None:
    """The proxy serves the certificate files as they are now. Raises InvalidSpec, OutsideUnavailable."""
    target = layout.secret(listener_name(listener))
    secret = compose_secret(listener, *read_pair(listener))
    kept = read_json(target) or {}
    if kept.get("resources") == [secret]:
        return
    version = str(kept.get("version_info", ""))
    following = int(version) + 1 if version.isdigit() else 1
    replace(layout, target, msgspec.json.encode({"version_info": str(following), "resources": [secret]}))
