"""Where the metrics back-end is and how to sign in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from staycalm.kit.settings import Secret, setting


@dataclass(frozen=True)
class PrometheusSettings:
    """Section `prometheus`. Without `url` there is no metrics back-end and PromQL rules say so."""

    url: str | None = setting(None, doc="Base address of the HTTP API, such as http://prometheus:9090.")
    username: str = setting("", doc="User name for basic authentication; empty for none.")
    password: Secret = setting(Secret(""), doc="Password for basic authentication, as ${env:…} or ${file:…}.")
    bearer_token: Secret = setting(Secret(""), doc="Bearer token, as ${env:…} or ${file:…}; wins over a password.")
    ca_file: Path | None = setting(None, doc="PEM file of certificate authorities to trust besides the system's.")
