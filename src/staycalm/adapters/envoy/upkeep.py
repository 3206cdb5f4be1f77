"""What has to be done again and again beside a running proxy: reading its log, renewing its certificates."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable

from staycalm.adapters.envoy.access_log import AccessLog
from staycalm.adapters.envoy.admin import Admin
from staycalm.adapters.envoy.certificates import Signature, publish_pair, signature
from staycalm.adapters.envoy.edge import Edge
from staycalm.adapters.envoy.files import disk_trouble, offer_again, read_json
from staycalm.adapters.envoy.process import last_lines
from staycalm.adapters.envoy.proxy import Proxy
from staycalm.adapters.envoy.specs import listener_name
from staycalm.adapters.envoy.structure import LISTENERS
from staycalm.kit.clock import Clock
from staycalm.ports.errors import OutsideUnavailable, PortError
from staycalm.ports.traffic import Listener

_TICK_S = 0.25
_MAX_ENVOY_LOG_BYTES = 8 * 1024 * 1024


class Upkeep:
    """One per running proxy; `problem` tells what could not be done last time. The first renews certificates."""

    def __init__(self, edge: Edge, proxy: Proxy, clock: Clock) -> None:
        self._edge, self._proxy, self._clock = edge, proxy, clock
        self.log = AccessLog(proxy.layout.access_log, edge.settings.access_log_bytes)
        self._certificates: dict[str, Signature] = {}
        self._log_problem: str | None = None
        self._own_log_problem: str | None = None
        self._certificate_problem: str | None = None
        self._listener_problem: str | None = None

    @property
    def problem(self) -> str | None:
        found = (self._listener_problem, self._certificate_problem, self._log_problem, self._own_log_problem)
        return next(filter(None, found), None)

    @property
    def _admin(self) -> Admin:
        return self._proxy.admin

    async def run(self) -> None:
        """Goes on until cancelled."""
        due = 0.0
        while True:
            await self.read_log()
            if self._clock.monotonic() >= due:
                due = self._clock.monotonic() + self._edge.settings.certificate_poll_s
                if self._proxy is self._edge.proxies[0]:
                    self.reload_certificates(one.spec.listener for one in self._edge.placed.values())
                    self._edge.try_again()
                await self._offer_listeners()
                await self._rotate_envoy_log()
            await asyncio.sleep(_TICK_S)

    async def read_log(self) -> None:
        """Everything the proxy has flushed is read, and the file does not grow without bound."""
        try:
            more = True
            while more:
                more = self.log.pull()
                await asyncio.sleep(0)
            if self.log.needs_reopen:
                await self._admin.ask("/reopen_logs", post=True)
            self._log_problem = None
        except OSError as error:
            self._log_problem = str(disk_trouble(self._proxy.layout.access_log, error))
        except PortError as error:
            self._log_problem = f"the access log cannot be rotated: {error}"

    async def _offer_listeners(self) -> None:
        """Listeners that the proxy refused are told, and offered again: their port may be free by now.

        It reads a file when it is renamed, so one that it refused at its own start it would never look at again.
        """
        layout = self._edge.layout
        try:
            state = await self._admin.file_state(LISTENERS)
            if not state.refused or str(state.version) == (read_json(layout.listeners) or {}).get("version_info"):
                self._listener_problem = None
                return
            reason = last_lines(self._proxy.layout.log, 1)
            self._listener_problem = f"the proxy cannot open every listener and is asked again: {reason}"
            offer_again(layout, layout.listeners)
        except OutsideUnavailable:
            return

    async def _rotate_envoy_log(self) -> None:
        path = self._proxy.layout.log
        try:
            if path.exists() and path.stat().st_size > _MAX_ENVOY_LOG_BYTES:
                os.replace(path, path.with_suffix(".old"))
            if not path.exists():
                await self._admin.ask("/reopen_logs", post=True)
            self._own_log_problem = None
        except (OSError, PortError) as error:
            self._own_log_problem = f"the proxy's own log cannot be rotated: {error}"

    def reload_certificates(self, listeners: Iterable[Listener]) -> None:
        """Certificate files that changed are in force; unusable ones are told in `problem`, the old stay."""
        problem = None
        for name, listener in {listener_name(one): one for one in listeners}.items():
            now = signature(listener)
            if listener.certificate_file is None or (now and self._certificates.get(name) == now):
                continue
            try:
                publish_pair(self._edge.layout, listener)
                if now is not None:
                    self._certificates[name] = now
            except PortError as error:
                problem = f"{error}; the one before stays in force"
        self._certificate_problem = problem
