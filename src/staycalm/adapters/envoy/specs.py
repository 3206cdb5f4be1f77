"""What the adapter knows of each placement: its declaration and the split that is wanted, and their checks."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import msgspec

from staycalm.adapters.envoy.files import Json
from staycalm.core.placement import Placement
from staycalm.kit.shapes import prepare
from staycalm.ports.errors import Fenced, InvalidSpec
from staycalm.ports.traffic import Listener, RouteSpec, Split

MAX_LISTENERS = 100
_HOST = re.compile(r"(\*|\*\.)?[a-z0-9_]?([a-z0-9_.-]{0,251}[a-z0-9_])?\Z")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()+,;=:@/-]*\Z")
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,128}\Z")


@dataclass(frozen=True, slots=True)
class Placed:
    """A placement as the proxy is to serve it. Generation 0 and no split: it has never served.

    `is_rollback` tells that this generation was the reserved one.
    """

    spec: RouteSpec
    split: Split | None = None
    generation: int = 0
    fence: int = 0
    is_rollback: bool = False

    @property
    def placement(self) -> Placement:
        return self.spec.placement

    @property
    def listener(self) -> str:
        return listener_name(self.spec.listener)

    @property
    def can_roll_back(self) -> bool:
        """Whether a rollback would change anything: there is a candidate, and it was not rolled back already."""
        return self.split is not None and self.split.candidate is not None and not self.is_rollback

    def rolled_back(self) -> Placed:
        """Return the reserved rollback: the next generation, with nothing to the candidate."""
        assert self.split is not None
        split = replace(self.split, candidate_weight=0.0)
        return replace(self, split=split, generation=self.generation + 1, is_rollback=True)


prepare(Placed)


def listener_name(listener: Listener) -> str:
    """Return the name that files, statistics and the proxy use for a listener."""
    return f"{listener.address.replace(':', '_')}_{listener.port}"


def _check_host(host: str) -> None:
    if not host or not _HOST.match(host):
        raise InvalidSpec(f"host {host!r} is not a lower-case host name, *.suffix or *; write it without a port")


def _check_listener(listener: Listener) -> None:
    if not 1 <= listener.port <= 65535:
        raise InvalidSpec(f"listener port {listener.port} is out of range 1-65535")
    try:
        ipaddress.ip_address(listener.address)
    except ValueError:
        raise InvalidSpec(f"listener address {listener.address!r} is not an IP address") from None
    if (listener.certificate_file is None) != (listener.key_file is None):
        raise InvalidSpec("a TLS listener needs both a certificate file and a key file")


def check_spec(spec: RouteSpec) -> RouteSpec:
    """Return the spec; raises InvalidSpec naming the first thing that cannot be carried out."""
    _check_listener(spec.listener)
    if not spec.hosts:
        raise InvalidSpec(f"{spec.placement} declares no host; use * for every host")
    for host in (*spec.hosts, *spec.candidate_hosts):
        _check_host(host)
    for what, path in (("path prefix", spec.path_prefix), ("health path", spec.health_path)):
        if path is not None and not _PATH.match(path.partition("?")[0]):
            raise InvalidSpec(f"{what} {path!r} is not a path that starts with /")
    if "?" in spec.path_prefix:
        raise InvalidSpec(f"path prefix {spec.path_prefix!r} cannot hold a query")
    if not 0 < spec.request_timeout_s <= 86400:
        raise InvalidSpec(f"request time-out {spec.request_timeout_s} s is out of range 0-86400")
    for members in spec.members.values():
        for member in members:
            if not 1 <= member.port <= 65535 or not member.host:
                raise InvalidSpec(f"instance {member.host}:{member.port} is not an address")
    return spec


def check_split(split: Split) -> Split:
    """Return the split; raises InvalidSpec when a weight, slot or token cannot be carried out."""
    if not 0 <= split.candidate_weight <= 100:
        raise InvalidSpec(f"weight {split.candidate_weight} is out of range 0-100")
    if split.candidate == split.stable:
        raise InvalidSpec(f"slot {split.stable} cannot be stable and candidate at once")
    if split.candidate is None and split.candidate_weight:
        raise InvalidSpec("a weight needs a candidate")
    if split.preview_token is not None and not _TOKEN.match(split.preview_token):
        raise InvalidSpec("the preview token must be 16-128 letters, digits or ._~-")
    return split


def check_together(placed: Iterable[Placed]) -> None:
    """Nothing of one placement contradicts another; raises InvalidSpec naming both."""
    owners: dict[tuple[str, str, str], Placement] = {}
    listeners: dict[str, Listener] = {}
    ports: dict[int, set[str]] = {}
    for one in placed:
        spec, name = one.spec, one.listener
        if listeners.setdefault(name, spec.listener) != spec.listener:
            raise InvalidSpec(
                f"{spec.placement} declares listener {name} with other certificates than its neighbour"
            )
        ports.setdefault(spec.listener.port, set()).add(spec.listener.address)
        for host in (*spec.hosts, *spec.candidate_hosts):
            owner = owners.setdefault((name, host, spec.path_prefix.rstrip("/")), spec.placement)
            if owner != spec.placement or (host in spec.hosts and host in spec.candidate_hosts):
                raise InvalidSpec(
                    f"{spec.placement} and {owner} both claim {host}{spec.path_prefix} "
                    f"on port {spec.listener.port}"
                )
    if len(listeners) > MAX_LISTENERS:
        raise InvalidSpec(f"one proxy serves at most {MAX_LISTENERS} listeners; let placements share them by host")
    for port, addresses in ports.items():
        if len(addresses) > 1 and addresses & {"0.0.0.0", "::"}:
            raise InvalidSpec(f"port {port} is declared both for every address and for one of them")


def is_repeated(known: Placed, split: Split, *, generation: int, fence: int) -> bool:
    """Return True when exactly this is wanted already; raises Fenced when something newer is."""
    if fence < known.fence:
        raise Fenced(f"{known.placement}: fence {fence} is below {known.fence}, another writer took over")
    if generation < known.generation:
        raise Fenced(f"{known.placement}: generation {generation} is below {known.generation}, which is in force")
    if generation == known.generation and split != known.split:
        raise Fenced(f"{known.placement}: generation {generation} is in force with another split")
    return generation == known.generation


def encode_placed(placed: Mapping[Placement, Placed]) -> bytes:
    """Return declarations and splits as they are kept on disk beside the files the proxy reads."""
    return msgspec.json.encode({str(key): one for key, one in placed.items()})


def decode_placed(stored: Json) -> dict[Placement, Placed]:
    """Return the placements of a stored file. Raises InvalidSpec when it is damaged."""
    try:
        found = [msgspec.convert(value, Placed) for value in stored.values()]
    except msgspec.ValidationError as error:
        raise InvalidSpec(f"the stored declarations are damaged: {error}") from None
    return {one.placement: one for one in found}
