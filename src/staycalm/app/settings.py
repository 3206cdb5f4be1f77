"""All settings of the server in one typed value; every section belongs to the part that reads it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from staycalm.adapters.envoy import EnvoySettings
from staycalm.adapters.exec import ExecSettings
from staycalm.adapters.filestore import FileStoreSettings
from staycalm.adapters.ntfy import NtfySettings
from staycalm.adapters.probes import ProbesSettings
from staycalm.adapters.process import ProcessSettings
from staycalm.adapters.prometheus import PrometheusSettings
from staycalm.adapters.smtp import SmtpSettings
from staycalm.adapters.typst import TypstSettings
from staycalm.adapters.webhook import WebhookSettings
from staycalm.domains.accounts.settings import AccountsSettings
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.domains.incidents.settings import IncidentsSettings
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.domains.oncall.settings import OncallSettings
from staycalm.domains.releases.settings import ReleasesSettings
from staycalm.kit.settings import setting


@dataclass(frozen=True)
class ServerSettings:
    """Where the server listens and how the world calls it."""

    address: str = setting("127.0.0.1", doc="Address the web page and the API listen on.")
    port: int = setting(7700, doc="Port they listen on; 0 takes a free one and prints it.")
    public_url: str = setting(
        "", doc="How people reach this server, used in links; empty means http://ADDRESS:PORT."
    )
    certificate_file: Path | None = setting(None, doc="TLS certificate chain (PEM); empty serves plain HTTP.")
    key_file: Path | None = setting(None, doc="TLS private key (PEM).")
    last_resort_channel: Literal["email", "webhook", "ntfy"] = setting(
        "email", doc="Channel of the message sent when nothing can be committed for 10 s; it needs no database."
    )
    last_resort_address: str = setting("", doc="Who gets that message; empty: nobody does.")
    log_level: Literal["debug", "info", "warning", "error"] = setting("info", doc="What the server's log holds.")


@dataclass(frozen=True)
class DatabaseSettings:
    """Which database, and how many transactions at once."""

    url: str = setting(
        "", doc="sqlite:///PATH or postgresql://USER@HOST/NAME; empty is a file in the data directory."
    )
    threads: int = setting(8, unit="threads", doc="Concurrent transactions on PostgreSQL; SQLite has one writer.")
    events_keep_s: float = setting(0.0, unit="s", doc="How long events are kept; 0 is for ever.")
    deliveries_keep_s: float = setting(
        7 * 86400.0, unit="s", doc="How long it is kept which subscriber handled which event."
    )
    backups_kept: int = setting(7, unit="files", doc="Backups kept in the data directory; older ones are removed.")


def section(kind: type) -> Any:
    """Declare a section with all its defaults."""
    return dataclasses.field(default_factory=kind)


@dataclass(frozen=True)
class Settings:
    """The whole configuration. `[section]` in staycalm.toml, `SC_SECTION_KEY` in the environment."""

    server: ServerSettings = section(ServerSettings)
    database: DatabaseSettings = section(DatabaseSettings)
    accounts: AccountsSettings = section(AccountsSettings)
    releases: ReleasesSettings = section(ReleasesSettings)
    deployments: DeploymentsSettings = section(DeploymentsSettings)
    monitoring: MonitoringSettings = section(MonitoringSettings)
    alerts: AlertsSettings = section(AlertsSettings)
    oncall: OncallSettings = section(OncallSettings)
    incidents: IncidentsSettings = section(IncidentsSettings)
    envoy: EnvoySettings = section(EnvoySettings)
    process: ProcessSettings = section(ProcessSettings)
    exec: ExecSettings = section(ExecSettings)
    artifacts: FileStoreSettings = section(FileStoreSettings)
    probes: ProbesSettings = section(ProbesSettings)
    prometheus: PrometheusSettings = section(PrometheusSettings)
    smtp: SmtpSettings = section(SmtpSettings)
    webhook: WebhookSettings = section(WebhookSettings)
    ntfy: NtfySettings = section(NtfySettings)
    typst: TypstSettings = section(TypstSettings)
