"""Composing routes: pure functions from splits to the one route file of a listener, and back.

The split of every placement is written twice: as weights, which the proxy obeys, and as metadata, from which
`placements_in` reads it back after a restart of ours or out of the proxy itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from staycalm.adapters.envoy.clusters import SLOTS, candidate_cluster, fallback_cluster, seconds, stable_cluster
from staycalm.adapters.envoy.files import Json
from staycalm.adapters.envoy.settings import EnvoySettings
from staycalm.adapters.envoy.specs import Placed
from staycalm.core.errors import Invalid
from staycalm.core.placement import Placement
from staycalm.kit.shapes import prepare
from staycalm.ports.traffic import Slot, Split

PREVIEW_HEADER = "x-staycalm-preview"
NAMESPACE = "staycalm"
ROUTE_TYPE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
TOTAL_WEIGHT = 1000
Kind = Literal["user", "candidate"]
Entry = tuple[str, Kind, Placement]
HostCache = dict[tuple[Entry, ...], tuple[list[Placed], list[str], msgspec.Raw]]
_ALWAYS = "connect-failure,refused-stream,reset-before-request"


def client_pattern(cookie: str) -> str:
    """Return the pattern of a Cookie header that carries a sticky cookie we could have set."""
    return rf"(?:.*; ?)?{re.escape(cookie)}=[^;]{{8}}.*"


def _match(prefix: str, headers: list[Json]) -> Json:
    where = {"prefix": "/"} if prefix.rstrip("/") == "" else {"path_separated_prefix": prefix.rstrip("/")}
    return {**where, "headers": headers} if headers else where


def _retries(*, is_safe: bool) -> Json:
    """One more try, elsewhere. A request that may have had an effect is repeated only if it never left us."""
    return {
        "retry_on": f"{_ALWAYS},gateway-error" if is_safe else _ALWAYS,
        "num_retries": 1,
        "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.005s"},
        "host_selection_retry_max_attempts": 3,
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3"
                    ".PreviousHostsPredicate",
                },
            }
        ],
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3"
                ".PreviousPrioritiesConfig",
                "update_frequency": 1,
            },
        },
    }


def weights(split: Split) -> dict[Slot, int]:
    """Return the weight of each slot in thousandths, always summing to 1,000."""
    to_candidate = round(split.candidate_weight * TOTAL_WEIGHT / 100)
    return {slot: to_candidate if slot == split.candidate else 0 for slot in SLOTS} | {
        split.stable: TOTAL_WEIGHT - to_candidate
    }


def _weighted(placement: Placement, split: Split) -> Json:
    """The order of the slots never changes, so that growing a weight moves clients one way only."""
    shares = weights(split)
    names = {slot: fallback_cluster(placement, slot) for slot in SLOTS}
    names[split.stable] = stable_cluster(placement, split.stable)
    return {
        "clusters": [{"name": names[slot], "weight": shares[slot]} for slot in SLOTS],
        "use_hash_policy": True,
    }


def _user_routes(placed: Placed, split: Split, settings: EnvoySettings) -> list[Json]:
    spec, cookie = placed.spec, settings.cookie_name
    secure = "; Secure" if spec.listener.certificate_file else ""
    set_cookie = {
        "header": {
            "key": "set-cookie",
            "value": f"{cookie}=%REQ(X-REQUEST-ID)%; Path=/; Max-Age={settings.cookie_max_age_s}; "
            f"HttpOnly; SameSite=Lax{secure}",
        },
        "append_action": "APPEND_IF_EXISTS_OR_ADD",
    }
    known = {"name": "cookie", "string_match": {"safe_regex": {"regex": client_pattern(cookie)}}}
    safe = {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}
    routes = []
    for is_safe, is_known in ((True, True), (True, False), (False, True), (False, False)):
        # The value of the cookie is the id of the first request, so that both hash alike.
        source = {"cookie": {"name": cookie}} if is_known else {"header": {"header_name": "x-request-id"}}
        route: Json = {
            "name": "user",
            "match": _match(spec.path_prefix, [safe] * is_safe + [known] * is_known),
            "route": {
                "weighted_clusters": _weighted(spec.placement, split),
                "hash_policy": [source],
                "timeout": seconds(spec.request_timeout_s),
                "retry_policy": _retries(is_safe=is_safe),
            },
        }
        if not is_known:
            route["response_headers_to_add"] = [set_cookie]
        routes.append(route)
    return routes


def _direct(name: str, placed: Placed, slot: Slot, headers: list[Json]) -> Json:
    """A route to the candidate alone: nothing stands in for it."""
    return {
        "name": name,
        "match": _match(placed.spec.path_prefix, headers),
        "route": {
            "cluster": candidate_cluster(placed.spec.placement, slot),
            "timeout": seconds(placed.spec.request_timeout_s),
        },
    }


def _refusal(placed: Placed, text: str) -> Json:
    return {
        "name": "none",
        "match": _match(placed.spec.path_prefix, []),
        "direct_response": {"status": 503, "body": {"inline_string": text}},
    }


def _routes(kind: Kind, placed: Placed, settings: EnvoySettings) -> list[Json]:
    split = placed.split
    if kind == "candidate":
        if split is None or split.candidate is None:
            return [_refusal(placed, "there is no candidate\n")]
        return [_direct("candidate", placed, split.candidate, [])]
    if split is None:
        return [_refusal(placed, "no revision serves yet\n")]
    routes = _user_routes(placed, split, settings)
    if split.candidate is not None and split.preview_token:
        token = {"name": PREVIEW_HEADER, "string_match": {"exact": split.preview_token}}
        routes.insert(0, _direct("preview", placed, split.candidate, [token]))
    return routes


class Described(msgspec.Struct, frozen=True):
    """What a route file says of one placement besides its routes."""

    generation: int
    fence: int
    is_rollback: bool
    split: Split | None


prepare(Described)


def _describe(placed: Placed) -> Json:
    """What `placements_in` reads back."""
    about = Described(placed.generation, placed.fence, placed.is_rollback, placed.split)
    described: Json = msgspec.to_builtins(about)
    return described


def _by_entries(known: Mapping[Placement, Placed]) -> list[tuple[tuple[Entry, ...], list[str]]]:
    """Return the hosts that share the same placements, a longer path prefix first."""
    by_host: dict[str, list[Entry]] = {}
    for placement, one in known.items():
        claims: list[tuple[str, Kind]] = [(host, "user") for host in one.spec.hosts]
        claims += [(host, "candidate") for host in one.spec.candidate_hosts]
        for host, kind in claims:
            by_host.setdefault(host, []).append((one.spec.path_prefix.rstrip("/"), kind, placement))
    grouped: dict[tuple[Entry, ...], list[str]] = {}
    for host, entries in by_host.items():
        ordered = tuple(sorted(entries, key=lambda entry: (-len(entry[0]), entry)))
        grouped.setdefault(ordered, []).append(host)
    return sorted(grouped.items(), key=lambda item: item[0])


def _virtual_host(
    entries: tuple[Entry, ...], hosts: list[str], known: Mapping[Placement, Placed], settings: EnvoySettings
) -> Json:
    told = {str(placement): _describe(known[placement]) for _, _, placement in entries}
    return {
        "name": "+".join(f"{kind}:{placement}" for _, kind, placement in entries),
        "domains": sorted(hosts),
        "metadata": {"filter_metadata": {NAMESPACE: told}},
        "routes": [r for _, kind, placement in entries for r in _routes(kind, known[placement], settings)],
    }


def compose_routes(
    name: str, placed: Iterable[Placed], settings: EnvoySettings, cache: HostCache | None = None
) -> Json:
    """Return the listener's route configuration. With a cache, hosts whose placements are the same objects as
    last time are taken from it, already encoded: one file holds every placement, and one of them moves.
    """
    known = {one.placement: one for one in sorted(placed, key=lambda one: one.placement)}
    composed: list[Json | msgspec.Raw] = []
    for entries, hosts in _by_entries(known):
        if cache is None:
            composed.append(_virtual_host(entries, hosts, known, settings))
            continue
        sources = [known[placement] for _, _, placement in entries]
        kept = cache.get(entries)
        if kept is None or kept[1] != hosts or any(a is not b for a, b in zip(kept[0], sources, strict=True)):
            encoded = msgspec.Raw(msgspec.json.encode(_virtual_host(entries, hosts, known, settings)))
            kept = cache[entries] = sources, hosts, encoded
        composed.append(kept[2])
    return {
        "@type": ROUTE_TYPE,
        "name": name,
        "validate_clusters": True,
        "ignore_port_in_host_matching": True,
        "request_headers_to_remove": [PREVIEW_HEADER],
        "virtual_hosts": composed,
    }


def route_file(version: int, configuration: Json) -> bytes:
    """Return the file's bytes; its version is what the proxy shows once it is in force."""
    return msgspec.json.encode({"version_info": str(version), "resources": [configuration]})


def placements_in(configuration: Json) -> dict[Placement, Described]:
    """Return what the configuration says of every placement it serves; of damaged ones, nothing."""
    found: dict[Placement, Described] = {}
    for host in configuration.get("virtual_hosts", []):
        described = host.get("metadata", {}).get("filter_metadata", {}).get(NAMESPACE, {})
        for text, about in described.items():
            try:
                found[Placement.parse(text)] = msgspec.convert(about, Described, strict=False)
            except (msgspec.ValidationError, Invalid):
                continue
    return found
