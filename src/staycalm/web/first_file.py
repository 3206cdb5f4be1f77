"""The first staycalm.yaml of a new server, and what a look at its service means. Pure."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from staycalm.core.errors import Invalid
from staycalm.core.placement import check_name

ENVIRONMENT = "production"
LONGEST_URL = 2000
_HEAD = """\
# What runs where, and who looks after it. Keep this file with your code:
# `sc plan` shows what a change of it would do, `sc apply` does it.
organisation:
  escalation_policy: everybody

environments:
  production: {{production: true}}

services:
  {service}:
    tier: 2
    owners: [{handle}]
    placements:
      production:
"""
_WATCHED = """\
        # Looked at every 10 seconds; three failures in a row are an alert.
        probes:
          - name: home
            url: {url}
            interval: 10s
        router: none
        # How StayCalm starts it, once you deploy it with `sc ops deploy {service} ./build`.
        command: [./start, --port, "{{port}}"]
"""
_STARTED = """\
        # How StayCalm starts it; {{port}} is filled in.
        command: [python3, -m, http.server, --bind, 127.0.0.1, "{{port}}"]
        health: {{path: /}}
        smoke_tests: [/]
        # Where visitors arrive, and the name that reaches a candidate before any traffic.
        listener: {{address: 127.0.0.1, port: 8080}}
        hosts: [{service}.localhost]
        candidate_hosts: [green.{service}.localhost]
"""
_TAIL = """\

schedules:
  everybody:
    people: [{handle}]

escalation_policies:
  everybody:
    steps:
      - {{page: primary of everybody, wait: 5m}}
"""


def watched_file(*, handle: str, service: str, url: str) -> str:
    """Return the file of a service that runs somewhere already. Raises Invalid for a bad name or address."""
    name = check_name(service.strip(), "service")
    return (_HEAD + _WATCHED + _TAIL).format(handle=handle, service=name, url=json.dumps(check_url(url)))


def started_file(*, handle: str, service: str) -> str:
    """Return the file of a service that StayCalm is to start."""
    return (_HEAD + _STARTED + _TAIL).format(handle=handle, service=service)


def check_url(url: str) -> str:
    """Return the address without surrounding blanks; raises Invalid when it is no http address."""
    found = url.strip()
    try:
        parts = urlsplit(found)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_good = False
    if not is_good or len(found) > LONGEST_URL or not found.isprintable() or " " in found:
        raise Invalid(
            "bad-url",
            f"{found[:80]!r} is not a web address",
            next_step="Write it like https://shop.example.org/health.",
        )
    return found


def advice(detail: str, *, is_deployed: bool, service: str) -> str:
    """Return what to do about a look that was not well; `detail` is what the prober said."""
    if not is_deployed:
        return (
            f"StayCalm starts {service} when it is deployed for the first time: "
            f"sc ops deploy {service} ./build --env={ENVIRONMENT}. Then this turns green by itself."
        )
    lowered = detail.lower()
    for sign, words in _ADVICE:
        if sign in lowered:
            return words
    return "Open the address from this machine (curl -v ADDRESS), and correct the address or the service."


_ADVICE = (
    ("refused", "Nothing listens there. Start the service, or correct the port."),
    (
        "no answer within",
        "Something swallows the request: look at firewalls, at the host, and at the service's load.",
    ),
    ("not trusted", "Name the authority's file in the server's settings: probes.ca_file."),
    ("name or service", "No such host name is known on this machine. Look for a typing mistake."),
    ("hostname", "No such host name is known on this machine. Look for a typing mistake."),
    ("unreachable", "There is no way to that address from this machine. Look at the network and the address."),
    ("http 404", "It answers, but has no such page. Correct the path: many services have /health or /healthz."),
    ("http 401", "It asks for a log-in. Name a path that answers without one."),
    ("http 403", "It refuses this path. Name one that answers to everybody."),
    ("http 5", "It runs and says that it is not well. Its own log tells why."),
)
