"""One Envoy of the one or two that serve: its process, its admin socket, its name in observations."""

from __future__ import annotations

from dataclasses import replace as changed

import msgspec

from staycalm.adapters.envoy.admin import Admin
from staycalm.adapters.envoy.files import Layout, replace
from staycalm.adapters.envoy.identity import IS_LINUX
from staycalm.adapters.envoy.listeners import compose_bootstrap
from staycalm.adapters.envoy.process import Process
from staycalm.adapters.envoy.settings import EnvoySettings
from staycalm.ports.errors import OutsideUnavailable

SECOND = "second"


class Proxy:
    """Listeners, clusters and routes are those of `shared`; everything else lies in a directory of its own."""

    def __init__(self, name: str, shared: Layout, own: Layout, settings: EnvoySettings) -> None:
        self.name, self.layout, self._shared = name, own, shared
        self._settings = changed(settings, edge_name=name)
        self.process = Process(own, self._settings)
        self._admin: Admin | None = None

    @property
    def admin(self) -> Admin:
        if self._admin is None:
            raise OutsideUnavailable("the proxy was not started")
        return self._admin

    def open(self) -> None:
        """It can be spoken to, once it runs. Needs an event loop."""
        self.layout.prepare()
        self._admin = Admin(self.process.socket, self._settings.admin_timeout_s)

    async def close(self) -> None:
        """No connection to it is open."""
        if self._admin is not None:
            await self._admin.close()
            self._admin = None

    def write_bootstrap(self) -> None:
        """What it is started with lies on disk."""
        bootstrap = compose_bootstrap(self._shared, self._settings, self.process.socket.name)
        replace(self.layout, self.layout.bootstrap, msgspec.json.encode(bootstrap))


def proxies(shared: Layout, settings: EnvoySettings) -> tuple[Proxy, ...]:
    """Return the proxy, or the pair, that the settings ask for. A pair needs a kernel that shares ports."""
    first = Proxy(settings.edge_name, shared, shared, settings)
    return (first, second(shared, settings)) if settings.pair and IS_LINUX else (first,)


def second(shared: Layout, settings: EnvoySettings) -> Proxy:
    """Return the other one of a pair, whether the settings ask for it or not."""
    return Proxy(f"{settings.edge_name}-2", shared, Layout(shared.root / SECOND), settings)
