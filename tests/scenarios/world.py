"""The whole system on a virtual clock: every domain, every subscription, one database, and people who answer.

    world = World(); world.start(SHOP_FILE)
    world.deploy("v2", error_rate=0.2); world.fast_forward(minutes=30)
    world.expect_page("bob", within=300); world.acknowledge("bob")

Everything is decided by `seed`. After every turn that changed something the invariants are checked.

A world has storeys, each a class that stands on the one below: `history` is what has happened, `simulation` time
and trouble, `people` who is paged and what they do; here are the organisation, its releases and its rollouts.
"""

from __future__ import annotations

import hashlib
from typing import Any

from staycalm.app import wiring
from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.placement import Placement
from staycalm.domains.catalog.parse import parse_file
from staycalm.domains.catalog.plan import web_managed
from staycalm.domains.catalog.service import apply_file
from staycalm.domains.deployments import queries as deployment_queries
from staycalm.domains.deployments import service as deployment_service
from staycalm.domains.deployments.public import Deployment
from staycalm.domains.deployments.strategies import Step
from staycalm.domains.releases import public as releases
from staycalm.kit.database import Tx
from tests.scenarios.outside import Version
from tests.scenarios.people import People

CI = Actor("service", "ci", "CI")
SHOP = Placement("shop", "production")
BRISK = (Step(10.0, 60.0), Step(50.0, 60.0), Step(90.0, 60.0))


class World(People):
    """One organisation and its server. Instants are `clock.now()`, times in seconds."""

    _state, _state_as_of = "", -1

    # The organisation and its releases

    def start(self, text: str) -> World:
        """The file is in force, and everything that follows from it has happened."""
        self.apply(text)
        self.settle()
        return self

    def apply(self, text: str) -> None:
        def use_case(tx: Tx) -> None:
            sections = wiring.file_sections()
            parsed = parse_file(text, "staycalm.yaml", web_managed(tx), sections)
            apply_file(tx, SYSTEM, parsed, sections, may_change_people=True)

        self.write(use_case)
        self.settle()

    def release(self, service: str, version: str, *, rollback_safe: bool = True, **how: Any) -> releases.Release:
        digest = digest_of(f"{service} {version}")
        self.outside.machine.put(digest, Version(**how))
        found: releases.Release = self.write(
            releases.register, CI, service=service, digest=digest, reference=f"/store/{digest}",
            commit_sha=digest[7:47], rollback_safe=rollback_safe,
        )  # fmt: skip
        return found

    # Rollouts

    def deploy(
        self, service: str, version: str, *, by: Actor = CI, strategy: str | None = None, hotfix: str = "",
        slowdown: float = 0.0, rollback_safe: bool = True, **how: Any,
    ) -> Deployment:  # fmt: skip
        """Return the new deployment, by default in steps of a minute each.

        `slowdown` 0.5 is half as slow again; the other words are those of `Version`.
        """
        if slowdown:
            how["median_ms"] = 20.0 * (1.0 + slowdown)
        release = self.release(service, version, rollback_safe=rollback_safe, **how)
        found: Deployment = self.write(
            deployment_service.deploy, by, service=service, environment="production", release=release.id,
            strategy=strategy, steps=() if strategy else BRISK, is_hotfix=bool(hotfix), reason=hotfix,
            settings=self.settings.deployments,
        )  # fmt: skip
        self.settle()
        return found

    def running_shop(self, text: str, *, visitors: float = 50.0, version: str = "v1") -> World:
        """The shop serves `visitors` requests a second from its first release, and has for half a minute."""
        self.start(text)
        self.deploy("shop", version)
        self.until(lambda: self.newest_state() == "completed", minutes=3)
        self.visitors(visitors)
        self.fast_forward(seconds=30)
        return self

    def visitors(self, per_s: float, placement: Placement = SHOP) -> None:
        self.outside.proxy.send_traffic(placement, per_s)

    def ask(self, verb: str, deployment: str = "", *, by: str = "alice", **named: Any) -> Deployment:
        """A person asks for roll_back, pause, resume, promote or abort."""
        use_case = getattr(deployment_service, verb)
        who = Actor("person", by, by.title())
        found: Deployment = self.write(
            use_case, who, deployment or self.newest().id, settings=self.settings.deployments, **named
        )
        self.settle()
        return found

    def newest(self) -> Deployment:
        page = self.read(deployment_queries.list_deployments, limit=1)
        found: Deployment = page.items[0]
        return found

    def newest_state(self) -> str:
        """Return how the newest deployment stands; read again only when something has happened since."""
        told = self.database.told.total()
        if self._state_as_of != told:
            self._state, self._state_as_of = self.newest().state, told
        return self._state

    def get(self, id: str) -> Deployment:
        found: Deployment = self.read(deployment_queries.get_deployment, id)
        return found

    def share(self, version: str, service: str = "shop") -> float:
        """Return the percent of the service's clients that reach this version now."""
        digest = digest_of(f"{service} {version}")
        shares = self.outside.proxy.shares(Placement(service, "production"))
        revisions = self.outside.machine.revisions
        return sum(share for name, share in shares.items() if name in revisions
                   and revisions[name].spec.digest == digest)  # fmt: skip


def digest_of(name: str) -> str:
    return "sha256:" + hashlib.sha256(name.encode()).hexdigest()
