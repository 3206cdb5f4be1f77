"""The route files of one proxy: what is in force, what is reserved, and the one rename between them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace as changed
from functools import partial
from pathlib import Path

import msgspec

from staycalm.adapters.envoy.confirming import Refused, confirm, route_statistics
from staycalm.adapters.envoy.files import Json, Layout, disk_trouble, draft, overwrite, read_json, replace
from staycalm.adapters.envoy.proxy import Proxy
from staycalm.adapters.envoy.routes import HostCache, compose_routes, placements_in, route_file
from staycalm.adapters.envoy.settings import EnvoySettings
from staycalm.adapters.envoy.specs import Placed, decode_placed, encode_placed
from staycalm.core.placement import Placement
from staycalm.ports.errors import Fenced, OutsideUnavailable, PortError, Rejected, Unconfirmed

_DECLARATIONS = "declarations"


class Edge:
    """Owns the route files. `shifting` serializes writers; a rollback does not wait for it."""

    def __init__(self, layout: Layout, settings: EnvoySettings, proxies: tuple[Proxy, ...]) -> None:
        self.layout, self.settings, self.proxies = layout, settings, proxies
        self.placed: dict[Placement, Placed] = {}
        self.shifting = asyncio.Lock()
        self._troubles: dict[str, str] = {}
        self._versions: dict[str, int] = {}
        self._live: dict[str, bytes] = {}
        self._reserved: dict[Placement, int] = {}
        self._drafts = 0
        self._cache: HostCache = {}

    def load(self) -> None:
        """What the files on disk say is known. The route files win over the copy beside the declarations."""
        stored = read_json(self.layout.specs)
        self.placed = {} if stored is None else decode_placed(stored)
        for listener in {one.listener for one in self.placed.values()}:
            file = read_json(self.layout.routes(listener)) or {}
            resources = file.get("resources") or [{}]
            version = str(file.get("version_info", ""))
            self._versions[listener] = int(version) if version.isdigit() else 0
            self._live[listener] = msgspec.json.encode(resources[0])
            for placement, about in placements_in(resources[0]).items():
                if placement in self.placed:
                    self.placed[placement] = changed(
                        self.placed[placement],
                        split=about.split,
                        generation=about.generation,
                        fence=about.fence,
                        is_rollback=about.is_rollback,
                    )

    @property
    def problem(self) -> str | None:
        """Return what could not be written, and was not since, though what is in force does not depend on it."""
        return next(iter(self._troubles.values()), None)

    def try_again(self) -> None:
        """What could not be written is, or cannot be still. For the time when a disk is no longer full."""
        for what in tuple(self._troubles):
            if what in self._versions:
                self._reserve_again(what)
            else:
                self.save_or_tell()

    def version(self, listener: str) -> int:
        """Return the version of the listener's route file on disk; 0 when there is none."""
        return self._versions.get(listener, 0)

    def on_listener(self, listener: str, with_: Placed | None = None) -> list[Placed]:
        """Return the placements of a listener, `with_` in the place of its own entry."""
        known: Mapping[Placement, Placed] = self.placed
        if with_ is not None:
            known = {**self.placed, with_.placement: with_}
        return [one for one in known.values() if one.listener == listener]

    def compose(self, listener: str, with_: Placed | None = None) -> Json:
        """Return the listener's routes as they should be."""
        return compose_routes(listener, self.on_listener(listener, with_), self.settings, self._cache)

    def _reservations(
        self, listener: str, version: int, wanted: Mapping[Placement, Placed]
    ) -> dict[Placement, bytes]:
        """Return the rollback file of each placement that has one, as the successor of `version`."""
        here = {key: one for key, one in wanted.items() if one.listener == listener}
        return {
            key: route_file(
                version + 1,
                compose_routes(listener, {**here, key: one.rolled_back()}.values(), self.settings, self._cache),
            )
            for key, one in here.items()
            if one.can_roll_back
        }

    def _new_draft(self) -> Path:
        self._drafts += 1
        return self.layout.draft(f"routes-{self._drafts}.json")

    def save(self, *, is_synced: bool = False) -> None:
        """Declarations and splits are on disk, in case a route file gets lost."""
        replace(self.layout, self.layout.specs, encode_placed(self.placed), is_synced=is_synced)

    def save_or_tell(self) -> None:
        """Saved; where that cannot be, `problem` says why. What is in force does not depend on it."""
        try:
            self.save()
            self._troubles.pop(_DECLARATIONS, None)
        except PortError as error:
            self._troubles[_DECLARATIONS] = str(error)

    async def write(self, listener: str, wanted: Placed | None = None) -> int:
        """The listener's file and every rollback file of it are on disk, `wanted` included; returns the version.

        The reserved files are renamed first: at no instant is there a weight without its way back. The caller
        holds `shifting`. Raises OutsideUnavailable with nothing changed.
        """
        while True:
            before = self.version(listener)
            if wanted is not None:
                known = self.placed.get(wanted.placement)
                if known is not None and known.generation >= wanted.generation:
                    raise Fenced(f"{wanted.placement} was rolled back meanwhile")
            future = self.placed if wanted is None else {**self.placed, wanted.placement: wanted}
            version, routes = before + 1, self.compose(listener, wanted)
            reservations = self._reservations(listener, version, future)
            drafts = [self._new_draft() for _ in range(len(reservations) + 1)]
            contents = [*reservations.values(), route_file(version, routes)]
            try:
                for path, content in zip(drafts, contents, strict=True):
                    await asyncio.to_thread(draft, self.layout, path.name, content)
                if self.version(listener) != before:
                    continue
                self._put_in_place(listener, version, drafts[-1], dict(zip(reservations, drafts, strict=False)))
            except OSError as error:
                raise disk_trouble(self.layout.routes(listener), error) from None
            finally:
                # What was not renamed must not fill a disk that is full already, try by try.
                for path in drafts:
                    with suppress(OSError):
                        path.unlink()
            self._live[listener] = msgspec.json.encode(routes)
            if wanted is not None:
                self.placed[wanted.placement] = wanted
            return version

    async def write_anew(self, listener: str) -> None:
        """The files of a listener are of this version of the adapter, or at least say what they should.

        A disk that is full when we start is no reason to leave alone a proxy that serves.
        """
        try:
            await self.write(listener)
        except OutsideUnavailable as error:
            if not self.is_current(listener):
                raise
            self._troubles[listener] = str(error)

    def _put_in_place(self, listener: str, version: int, live: Path, drafts: Mapping[Placement, Path]) -> None:
        target = self.layout.routes(listener)
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for placement, path in drafts.items():
                os.replace(path, self.layout.rollback(placement))
            os.replace(live, target)
        except OSError as error:
            self._reserved.clear()
            raise disk_trouble(target, error) from None
        for placement in [key for key, one in self.placed.items() if one.listener == listener]:
            self._reserved.pop(placement, None)
        self._reserved |= dict.fromkeys(drafts, version + 1)
        self._versions[listener] = version

    def is_current(self, listener: str) -> bool:
        """Return whether the file on disk says what it should."""
        kept, wanted = self._live.get(listener), msgspec.json.encode(self.compose(listener))
        if kept is None or not self.layout.routes(listener).exists():
            return False
        # A weight that was read back is 100 where it was 100.0.
        return kept == wanted or bool(msgspec.json.decode(kept) == msgspec.json.decode(wanted))

    def forget_listener(self, listener: str) -> None:
        """No route file of the listener is left."""
        self.layout.routes(listener).unlink(missing_ok=True)
        self._live.pop(listener, None)

    def roll_back(self, placement: Placement) -> int:
        """The reserved file is the listener's file; returns its version. One rename, nothing awaited.

        When no valid reserved file lies there (a neighbour moved in this very instant), it is composed now.
        """
        one = self.placed[placement]
        if not one.can_roll_back:
            return self.version(one.listener)
        after, version = one.rolled_back(), self.version(one.listener) + 1
        target = self.layout.routes(one.listener)
        reserved = self.layout.rollback(placement)
        try:
            if self._reserved.get(placement) != version or not reserved.exists():
                overwrite(reserved, route_file(version, self.compose(one.listener, after)))
            os.replace(reserved, target)
        except OSError as error:
            raise disk_trouble(target, error) from None
        self._versions[one.listener] = version
        self._reserved.pop(placement, None)
        self.placed[placement] = after
        self._live[one.listener] = msgspec.json.encode(self.compose(one.listener))
        self._reserve_again(one.listener)
        return version

    def _reserve_again(self, listener: str) -> None:
        """The neighbours' rollback files follow the file now in force; if that fails they are composed later."""
        version = self.version(listener)
        self._troubles.pop(listener, None)
        for placement, content in self._reservations(listener, version, self.placed).items():
            self._reserved.pop(placement, None)
            try:
                overwrite(self.layout.rollback(placement), content)
                self._reserved[placement] = version + 1
            except OSError as error:
                trouble = disk_trouble(self.layout.rollback(placement), error)
                self._troubles[listener] = f"rollback files cannot be reserved: {trouble}"

    async def refused(self, prefix: str) -> Refused:
        """Return how many files each proxy refused so far, without those that do not answer."""
        found: dict[str, int] = {}
        for proxy in self.proxies:
            with suppress(OutsideUnavailable):
                found[proxy.name] = (await proxy.admin.file_state(prefix)).refused
        return found

    def may_be_down(self, proxy: Proxy) -> bool:
        """Return whether nobody needs to wait for the proxy: it ended, and there is another one."""
        return len(self.proxies) > 1 and not proxy.process.is_alive()

    async def confirm_file(
        self,
        prefix: str,
        version: int,
        *,
        refused: Refused,
        deadline: float,
        newest: Callable[[], int] | None = None,
    ) -> None:
        """The version, or a later one up to `newest`, is in force wherever a proxy runs. Raises as `confirm`."""
        has_one = False
        for proxy in self.proxies:
            has_one |= await confirm(
                proxy.admin,
                prefix,
                version,
                refused=refused.get(proxy.name),
                deadline=deadline,
                newest=newest,
                may_be_down=partial(self.may_be_down, proxy),
            )
        if not has_one:
            raise Unconfirmed(f"version {version} of {prefix} is written, but no proxy runs")

    async def confirm(self, listener: str, version: int, *, refused: Refused, deadline: float) -> None:
        """The listener's file of that version, or a later one of ours, is in force. Raises as `confirm` does."""
        await self.confirm_file(
            route_statistics(listener),
            version,
            refused=refused,
            deadline=deadline,
            newest=lambda: self.version(listener),
        )

    async def shift(self, wanted: Placed, *, deadline: float) -> None:
        """The placement is in force as wanted. Raises Rejected with the split of before still in force."""
        listener, known = wanted.listener, self.placed[wanted.placement]
        refused = await self.refused(route_statistics(listener))
        version = await self.write(listener, wanted)
        try:
            await self.confirm(listener, version, refused=refused, deadline=deadline)
        except Rejected:
            if self.placed[wanted.placement] == wanted:
                self.placed[wanted.placement] = known
                restored = await self.write(listener)
                await self.confirm(listener, restored, refused={}, deadline=deadline)
            raise
        self.save_or_tell()
