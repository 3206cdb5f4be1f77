"""Composing listeners and their certificates: what every client meets first."""

from __future__ import annotations

from staycalm.adapters.envoy.files import OWN_ACCESS_LOG, Json, Layout
from staycalm.adapters.envoy.routes import NAMESPACE
from staycalm.adapters.envoy.settings import EnvoySettings
from staycalm.adapters.envoy.specs import listener_name
from staycalm.ports.traffic import Listener

_TYPES = "type.googleapis.com/envoy"
_HCM = f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"

LOG_FIELDS = {
    "cluster": "%UPSTREAM_CLUSTER%",
    "route": "%ROUTE_NAME%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "took_us": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
    "took_ms": "%DURATION%",
    "tries": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "served_by": f"%UPSTREAM_METADATA({NAMESPACE}:slot)%",
    "client": f"%DYNAMIC_METADATA({NAMESPACE}:client)%",
    "request": "%REQ(X-REQUEST-ID)%",
}


def _from_file(path: object) -> Json:
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}


def _sticky_cookie_as_metadata(settings: EnvoySettings) -> Json:
    """Only our own cookie reaches the access log; the others may be sessions."""
    return {
        "name": "envoy.filters.http.header_to_metadata",
        "typed_config": {
            "@type": f"{_TYPES}.extensions.filters.http.header_to_metadata.v3.Config",
            "request_rules": [
                {
                    "cookie": settings.cookie_name,
                    "on_header_present": {"metadata_namespace": NAMESPACE, "key": "client", "type": "STRING"},
                }
            ],
        },
    }


def _strip_internal_headers() -> Json:
    """Headers that steer the proxy are ours to set: whatever a client sends of them is removed first."""
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": f"{_TYPES}.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [
                {"remove": "x-request-id"},
                {"remove_on_match": {"key_matcher": {"prefix": "x-envoy-"}}},
            ],
        },
    }


def _access_log(path: object) -> Json:
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": f"{_TYPES}.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(path),
            "log_format": {"json_format": LOG_FIELDS},
        },
    }


def _connection_manager(name: str, routes: Json, layout: Layout, settings: EnvoySettings) -> Json:
    return {
        "@type": _HCM,
        "stat_prefix": name,
        "codec_type": "AUTO",
        **routes,
        # Each of a pair writes its own, in the directory it runs in.
        "access_log": [_access_log(OWN_ACCESS_LOG if settings.pair else layout.access_log)],
        "early_header_mutation_extensions": [_strip_internal_headers()],
        "use_remote_address": True,
        "xff_num_trusted_hops": settings.trusted_hops,
        "internal_address_config": {"unix_sockets": False, "cidr_ranges": []},
        "server_header_transformation": "PASS_THROUGH",
        "normalize_path": True,
        "drain_timeout": "5s",
        "request_headers_timeout": "10s",
        "stream_idle_timeout": "300s",
        "common_http_protocol_options": {"idle_timeout": "900s"},
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 65536,
            "initial_connection_window_size": 1048576,
        },
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http_filters": [
            _sticky_cookie_as_metadata(settings),
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": f"{_TYPES}.extensions.filters.http.router.v3.Router",
                    "suppress_envoy_headers": True,
                },
            },
        ],
    }


def _tls(name: str, layout: Layout) -> Json:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_TYPES}.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "tls_certificate_sds_secret_configs": [
                    {"name": name, "sds_config": _from_file(layout.secret(name))}
                ],
            },
        },
    }


def compose_listener(
    listener: Listener, layout: Layout, settings: EnvoySettings, *, static_routes: Json | None = None
) -> Json:
    """Return the listener; with `static_routes` a self-contained one, as validation needs it."""
    name = listener_name(listener)
    routes: Json = {"rds": {"route_config_name": name, "config_source": _from_file(layout.routes(name))}}
    if static_routes is not None:
        routes = {"route_config": {k: v for k, v in static_routes.items() if k != "@type"}}
    chain: Json = {
        "filters": [
            {
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": _connection_manager(name, routes, layout, settings),
            }
        ]
    }
    if listener.certificate_file is not None and static_routes is None:
        chain["transport_socket"] = _tls(name, layout)
    return {
        "name": name,
        "address": {"socket_address": {"address": listener.address, "port_value": listener.port}},
        "per_connection_buffer_limit_bytes": 1048576,
        "filter_chains": [chain],
    }


def compose_secret(listener: Listener, certificate: str, key: str) -> Json:
    """Return the certificate as the proxy takes it: both halves at once, never one without the other."""
    return {
        "@type": f"{_TYPES}.extensions.transport_sockets.tls.v3.Secret",
        "name": listener_name(listener),
        "tls_certificate": {
            "certificate_chain": {"inline_string": certificate},
            "private_key": {"inline_string": key},
        },
    }


def compose_bootstrap(layout: Layout, settings: EnvoySettings, admin_socket: str) -> Json:
    """Return what the proxy is started with; everything else it reads from the watched files."""
    return {
        "node": {"id": settings.edge_name, "cluster": "staycalm"},
        "admin": {
            "address": {"pipe": {"path": admin_socket, "mode": 0o600}},
            "allow_paths": [
                {"prefix": path}
                for path in (
                    "/stats",
                    "/ready",
                    "/server_info",
                    "/config_dump",
                    "/drain_listeners",
                    "/healthcheck/fail",
                    "/reopen_logs",
                )
            ],
        },
        "dynamic_resources": {
            "cds_config": _from_file(layout.clusters),
            "lds_config": _from_file(layout.listeners),
        },
        "stats_flush_on_admin": True,
        "stats_config": {
            "stats_matcher": {"inclusion_list": {"patterns": [{"suffix": name} for name in KEPT_STATISTICS]}},
            "histogram_bucket_settings": [
                {"match": {"suffix": "upstream_rq_time"}, "buckets": [float(b) for b in LATENCY_BOUNDS_MS]}
            ],
        },
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": f"{_TYPES}.extensions.resource_monitors.downstream_connections.v3"
                        ".DownstreamConnectionsConfig",
                        "max_active_downstream_connections": settings.max_connections,
                    },
                }
            ]
        },
    }


def compose_validation(clusters: list[Json], listeners: list[Json]) -> Json:
    """Return a self-contained configuration that `--mode validate` judges."""
    return {
        "node": {"id": "validate", "cluster": "staycalm"},
        "static_resources": {"clusters": clusters, "listeners": listeners},
    }


# Six clusters a placement would bring a thousand statistics; every question would search them all.
KEPT_STATISTICS = (
    ".version_text",
    ".update_rejected",
    ".update_failure",
    ".upstream_rq_completed",
    ".upstream_rq_4xx",
    ".upstream_rq_5xx",
    ".upstream_rq_timeout",
    ".upstream_rq_rx_reset",
    ".upstream_rq_active",
    ".upstream_rq_pending_active",
    ".upstream_rq_time",
    ".membership_healthy",
    ".warming_clusters",
    ".total_listeners_warming",
    ".downstream_rq_active",
)
LATENCY_BOUNDS_MS = (
    0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 100, 125, 150, 175, 200, 250, 300, 400, 500,
    600, 750, 1000, 1500, 2000, 2500, 3000, 4000, 5000, 7500, 10000, 15000, 20000, 30000, 60000, 120000, 3600000,
)  # fmt: skip
