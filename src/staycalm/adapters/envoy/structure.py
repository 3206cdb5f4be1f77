"""What changes seldom: listeners and clusters. Judged by the proxy's own validation before it is written."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace as changed

import msgspec

from staycalm.adapters.envoy.binary import Binary
from staycalm.adapters.envoy.certificates import publish_pair
from staycalm.adapters.envoy.clusters import compose_clusters
from staycalm.adapters.envoy.confirming import Refused, route_statistics
from staycalm.adapters.envoy.edge import Edge
from staycalm.adapters.envoy.files import Json, disk_trouble, draft, read_json, replace
from staycalm.adapters.envoy.listeners import compose_listener, compose_validation
from staycalm.adapters.envoy.proxy import Proxy
from staycalm.adapters.envoy.routes import compose_routes
from staycalm.adapters.envoy.specs import Placed, check_spec, check_together
from staycalm.core.placement import Placement
from staycalm.ports.errors import InvalidSpec, OutsideUnavailable, Rejected, Unconfirmed
from staycalm.ports.traffic import Listener, RouteSpec

CLUSTERS, LISTENERS = "cluster_manager.cds", "listener_manager.lds"
_CLUSTER_TYPE = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
_LISTENER_TYPE = "type.googleapis.com/envoy.config.listener.v3.Listener"
_VALIDATION_TIMEOUT_S = 30.0
_CONFIRM_S = 5.0


def check_port_is_free(listener: Listener) -> None:
    """Nobody listens there; raises InvalidSpec. The proxy itself would silently share a port with another one."""
    family = socket.AF_INET6 if ":" in listener.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listener.address, listener.port))
            probe.listen(1)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "is taken by another program" if taken else f"cannot be used: {error.strerror}"
            raise InvalidSpec(f"port {listener.port} on {listener.address} {why}") from None


def _with(placed: Mapping[Placement, Placed], new: Placed) -> dict[Placement, Placed]:
    """Return all with the new one among them. Whoever shares its listener has that as the new one declares it.

    Neighbours agree about their listener, but one of them has to be told first when it changes.
    """
    listener = new.spec.listener
    return {
        key: changed(one, spec=changed(one.spec, listener=listener)) if one.listener == new.listener else one
        for key, one in placed.items()
    } | {new.placement: new}


class Structure:
    """Owns the cluster and listener files. One change at a time; shifts of traffic go on meanwhile."""

    def __init__(self, edge: Edge, binary: Binary) -> None:
        self.edge, self._binary = edge, binary
        self._changing = asyncio.Lock()
        self._unsure: set[Placement] = set()
        self._leaving: dict[Placement, Placed] = {}

    def _clusters(self, placed: Iterable[Placed]) -> list[Json]:
        ordered = sorted(placed, key=lambda one: one.placement)
        return [
            {"@type": _CLUSTER_TYPE, **cluster}
            for one in ordered
            for cluster in compose_clusters(one.spec, self.edge.settings)
        ]

    def _listeners(self, placed: Iterable[Placed]) -> list[Json]:
        by_name = {one.listener: one.spec.listener for one in placed}
        return [
            {"@type": _LISTENER_TYPE, **compose_listener(listener, self.edge.layout, self.edge.settings)}
            for _, listener in sorted(by_name.items())
        ]

    def _write(self, which: str, resources: list[Json]) -> int:
        """The file holds the resources; returns its version, which is a new one only if they are new."""
        path = self.edge.layout.clusters if which == CLUSTERS else self.edge.layout.listeners
        kept = read_json(path) or {}
        text = str(kept.get("version_info", ""))
        version = int(text) if text.isdigit() else 0
        if version and kept.get("resources") == resources:
            return version
        version += 1
        replace(
            self.edge.layout, path, msgspec.json.encode({"version_info": str(version), "resources": resources})
        )
        return version

    def write_everything(self) -> None:
        """The cluster, listener and certificate files agree with what is known; nothing is confirmed."""
        placed = list(self.edge.placed.values())
        for one in placed:
            if one.spec.listener.certificate_file is not None:
                # Told, and tried again, by whoever renews certificates.
                with suppress(InvalidSpec):
                    publish_pair(self.edge.layout, one.spec.listener)
        self._write(CLUSTERS, self._clusters(placed))
        self._write(LISTENERS, self._listeners(placed))

    def check_ports(self) -> None:
        """Nobody else listens where the placements do; raises InvalidSpec. For a proxy that does not run yet."""
        for listener in {one.listener: one.spec.listener for one in self.edge.placed.values()}.values():
            check_port_is_free(listener)

    async def _validate(self, placed: list[Placed]) -> None:
        """The proxy's own validation accepts the whole configuration; raises Rejected with its reason."""
        edge = self.edge
        by_name = {one.listener: one.spec.listener for one in placed}
        listeners = [
            compose_listener(
                listener,
                edge.layout,
                edge.settings,
                static_routes=compose_routes(name, [p for p in placed if p.listener == name], edge.settings),
            )
            for name, listener in by_name.items()
        ]
        clusters = [{k: v for k, v in cluster.items() if k != "@type"} for cluster in self._clusters(placed)]
        content = msgspec.json.encode(compose_validation(clusters, listeners))
        try:
            path = await asyncio.to_thread(draft, edge.layout, "validate.json", content, is_synced=False)
            process = await asyncio.create_subprocess_exec(
                str(self._binary.path),
                *("--mode", "validate", "-c", str(path), "--disable-hot-restart", "-l", "error"),
                cwd=edge.layout.root,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as error:
            raise disk_trouble(edge.layout.root, error) from None
        try:
            output, _ = await asyncio.wait_for(process.communicate(), _VALIDATION_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise OutsideUnavailable("the proxy's validation does not end") from None
        if process.returncode != 0:
            lines = output.decode(errors="replace").strip().splitlines()
            raise Rejected(f"the proxy would not accept this: {lines[-1][-400:] if lines else 'no reason given'}")

    async def _confirm(self, which: str, version: int, refused: Refused, warming: str) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _CONFIRM_S
        await self.edge.confirm_file(which, version, refused=refused, deadline=deadline)
        for proxy in self.edge.proxies:
            while await self._warms_up(proxy, warming):
                if loop.time() >= deadline:
                    raise Unconfirmed(f"{which}: the proxy still warms up what is new")
                await asyncio.sleep(0.005)

    async def _warms_up(self, proxy: Proxy, warming: str) -> bool:
        try:
            return any((await proxy.admin.values(rf"^{warming}$")).values())
        except OutsideUnavailable:
            if self.edge.may_be_down(proxy):
                return False
            raise

    async def _set_clusters(self, placed: Iterable[Placed]) -> None:
        refused = await self.edge.refused(CLUSTERS)
        version = self._write(CLUSTERS, self._clusters(placed))
        await self._confirm(CLUSTERS, version, refused, r"cluster_manager\.warming_clusters")

    async def _set_listeners(self, placed: Iterable[Placed]) -> None:
        refused = await self.edge.refused(LISTENERS)
        version = self._write(LISTENERS, self._listeners(placed))
        await self._confirm(LISTENERS, version, refused, r"listener_manager\.total_listeners_warming")

    async def _set_routes(self, listener: str, *, is_served: bool) -> None:
        async with self.edge.shifting:
            refused = await self.edge.refused(route_statistics(listener))
            if not self.edge.is_current(listener):
                await self.edge.write(listener)
            if is_served:
                await self._confirm_routes(listener, refused)

    async def _confirm_routes(self, listener: str, refused: Refused | None = None) -> None:
        deadline = asyncio.get_running_loop().time() + _CONFIRM_S
        await self.edge.confirm(listener, self.edge.version(listener), refused=refused or {}, deadline=deadline)

    async def ensure(self, spec: RouteSpec) -> None:
        """The proxy serves the declaration; what another placement has stays. Raises with the old one in force."""
        check_spec(spec)
        async with self._changing:
            before = dict(self.edge.placed)
            known = before.get(spec.placement)
            if known is not None and known.spec == spec and spec.placement not in self._unsure:
                return
            new = Placed(spec) if known is None else changed(known, spec=spec)
            future = _with(before, new)
            check_together(future.values())
            served = {one.listener for one in before.values()}
            if new.listener not in served:
                check_port_is_free(spec.listener)
            if spec.listener.certificate_file is not None:
                publish_pair(self.edge.layout, spec.listener)
            await self._validate(list(future.values()))
            self._unsure.add(spec.placement)
            self._leaving.pop(spec.placement, None)
            try:
                await self._apply(future, new, None if known is None else known.listener, served)
            except Rejected:
                await self._undo(new, before)
                raise
            self.edge.save(is_synced=True)
            self._unsure.discard(spec.placement)

    async def _apply(
        self, future: Mapping[Placement, Placed], new: Placed, left: str | None, served: set[str]
    ) -> None:
        """Clusters before the routes that name them, routes before the listener that asks for them."""
        edge = self.edge
        await self._set_clusters(future.values())
        self._know(future.values())
        await self._set_routes(new.listener, is_served=new.listener in served)
        await self._set_listeners(edge.placed.values())
        if new.listener not in served:
            await self._confirm_routes(new.listener)
        if left is not None and left != new.listener:
            await self._leave(left)

    def _know(self, declared: Iterable[Placed]) -> None:
        """The declarations are the known ones; a split that moved since then is kept."""
        for one in declared:
            known = self.edge.placed.get(one.placement)
            if known is None or known.spec != one.spec:
                self.edge.placed[one.placement] = one if known is None else changed(known, spec=one.spec)

    async def _leave(self, listener: str) -> None:
        if self.edge.on_listener(listener):
            await self._set_routes(listener, is_served=True)
        else:
            self.edge.forget_listener(listener)

    async def _undo(self, new: Placed, before: Mapping[Placement, Placed]) -> None:
        """The files say what they said before the refused declaration."""
        if new.placement not in before:
            self.edge.placed.pop(new.placement, None)
        self._know(before.values())
        async with self.edge.shifting:
            for listener in {one.listener for one in self.edge.placed.values()}:
                if not self.edge.is_current(listener):
                    await self.edge.write(listener)
        self.write_everything()
        if not self.edge.on_listener(new.listener):
            self.edge.forget_listener(new.listener)

    async def remove(self, placement: Placement) -> None:
        """The proxy does not know the placement; its listener goes with its last one. May be asked for again
        where it failed half-way.
        """
        async with self._changing:
            gone = self.edge.placed.pop(placement, None) or self._leaving.get(placement)
            if gone is None:
                return
            self._leaving[placement] = gone
            remaining = self.edge.placed.values()
            await self._set_listeners(remaining)
            await self._leave(gone.listener)
            await self._set_clusters(remaining)
            self.edge.layout.rollback(placement).unlink(missing_ok=True)
            self.edge.save(is_synced=True)
            del self._leaving[placement]
