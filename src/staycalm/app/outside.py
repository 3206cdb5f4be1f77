"""Which adapter fills which port. Nothing is connected until `start`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from staycalm.adapters.envoy import EnvoyRouter
from staycalm.adapters.exec import ExecRouter, ExecTarget
from staycalm.adapters.filestore import FileStore
from staycalm.adapters.instances import InstanceScraper
from staycalm.adapters.ntfy import NtfyChannel
from staycalm.adapters.probes import LocalProber, LocalSmokeRunner
from staycalm.adapters.process import ProcessTarget
from staycalm.adapters.prometheus import PrometheusSource
from staycalm.adapters.smtp import SmtpChannel
from staycalm.adapters.typst import TypstPrinter
from staycalm.adapters.webhook import WebhookChannel
from staycalm.app.secrets import FillingTarget
from staycalm.app.settings import Settings
from staycalm.core.placement import Placement
from staycalm.domains.catalog.public import find_placement
from staycalm.kit.clock import Clock
from staycalm.kit.database import Database, ReadTx
from staycalm.kit.directory import DataDirectory
from staycalm.ports.deploy import DeployTarget
from staycalm.ports.errors import PortError
from staycalm.ports.messages import Channel
from staycalm.ports.metrics import MetricSource
from staycalm.ports.traffic import TrafficRouter

logger = logging.getLogger("staycalm.app.outside")


@dataclass
class Outside:
    """The outside of one server, by the names a placement or a contact method uses."""

    clock: Clock
    artifacts: FileStore
    uploads: Path
    envoy: EnvoyRouter
    processes: ProcessTarget
    prober: LocalProber
    smoke: LocalSmokeRunner
    printer: TypstPrinter
    routers: Mapping[str, TrafficRouter]
    targets: Mapping[str, DeployTarget]
    channels: Mapping[str, Channel]
    sources: Mapping[str, MetricSource]
    instances: InstanceScraper
    ends_with_server: bool
    proxy_problem: str | None = None
    ends_told: int = 0

    async def take_edge(self) -> None:
        """The proxy runs and serves what its files say; half copies that a crash left are gone.

        A proxy that cannot start leaves its reason in `proxy_problem`, and everything else goes on.
        """
        await self.artifacts.sweep()
        try:
            adopted = await self.envoy.start()
            self.proxy_problem = None
            logger.info("the proxy serves", extra={"adopted": adopted, "pid": self.envoy.pid})
            if self.envoy.pair_problem is not None:
                logger.warning("a killed proxy may cost requests", extra={"reason": self.envoy.pair_problem})
        except PortError as error:
            self.proxy_problem = str(error)
            logger.error("the proxy does not start", extra={"reason": str(error)})

    def follow_proxy(self) -> None:
        """That the proxy ended unasked, how often and why, is in the log."""
        ends = self.envoy.restarts - self.ends_told
        if ends:
            self.ends_told += ends
            level = logging.ERROR if self.envoy.troubles else logging.WARNING
            logger.log(level, "the proxy ended", extra={"times": ends, "reason": self.envoy.last_end})

    async def stop(self) -> None:
        """This process has let go of everything; services and their proxy serve on unless they end with it."""
        with suppress(PortError):
            await (self.envoy.stop() if self.ends_with_server else self.envoy.detach())
        await self.prober.close()
        await self.instances.close()
        for closing in (*self.channels.values(), *self.sources.values()):
            close = getattr(closing, "close", None)
            if close is not None:
                await close()


def connect(settings: Settings, directory: DataDirectory, database: Database) -> Outside:
    """Return the adapters that the settings ask for. Raises PortError for settings that cannot work."""
    clock = database.clock
    artifacts = FileStore(directory.path / settings.artifacts.directory)
    envoy = EnvoyRouter(directory.folder("envoy"), settings.envoy, clock)
    processes = ProcessTarget(
        settings.process,
        artifacts,
        clock,
        directory=directory.path / settings.process.directory,
        die_with_parent=settings.envoy.die_with_parent,
    )
    prober = LocalProber(clock, commands=settings.probes.commands, ca_file=settings.probes.ca_file)

    async def command_names(placement: Placement) -> Mapping[str, str]:
        return await database.read(_command_names, placement)

    exec_folder = directory.path / settings.exec.directory
    return Outside(
        clock=clock,
        artifacts=artifacts,
        uploads=artifacts.incoming,
        envoy=envoy,
        processes=processes,
        prober=prober,
        smoke=LocalSmokeRunner(prober),
        printer=TypstPrinter(settings.typst),
        routers={"envoy": envoy, "exec": ExecRouter(settings.exec, command_names, clock, directory=exec_folder)},
        targets={
            "process": FillingTarget(processes),
            "exec": FillingTarget(ExecTarget(settings.exec, command_names, clock, directory=exec_folder)),
        },
        channels=_channels(settings, database),
        sources={"prometheus": PrometheusSource(settings.prometheus, clock)} if settings.prometheus.url else {},
        instances=InstanceScraper(),
        ends_with_server=settings.envoy.die_with_parent,
    )


def _channels(settings: Settings, database: Database) -> dict[str, Channel]:
    channels: dict[str, Channel] = {"webhook": WebhookChannel(settings.webhook, database.clock)}
    if settings.smtp.host:
        channels["email"] = SmtpChannel(settings.smtp, database.clock)
    if settings.ntfy.server:
        channels["ntfy"] = NtfyChannel(settings.ntfy)
    return channels


def _command_names(tx: ReadTx, placement: Placement) -> Mapping[str, str]:
    """Return the placement's commands by role: the file writes `set_weight`, the adapters `set-weight`."""
    config = find_placement(tx, placement)
    named = config.exec_commands if config is not None else {}
    return {operation.replace("_", "-"): name for operation, name in named.items()}
