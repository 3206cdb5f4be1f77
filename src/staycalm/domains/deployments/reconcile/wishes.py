"""From rows to effects: what exactly to ask of the outside, with names and numbers that a repeat finds again."""

from __future__ import annotations

from dataclasses import replace

from staycalm.domains.catalog import public as catalog
from staycalm.domains.catalog.public import PlacementConfig, SmokeTest
from staycalm.domains.deployments.changes import change_place
from staycalm.domains.deployments.decisions import instances_at
from staycalm.domains.deployments.reconcile.effects import SetInstances, SetSplit, WayBack
from staycalm.domains.deployments.records import Deployment, PlacementState, Revision, Scene, other_slot
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.kit.database import ReadTx, Tx
from staycalm.ports.deploy import RevisionSpec
from staycalm.ports.smoke import SmokeCheck
from staycalm.ports.traffic import Listener, RouteSpec, Slot, Split

_NO_LISTENER = Listener("", 0)


def revision_spec(config: PlacementConfig, name: str, digest: str, reference: str) -> RevisionSpec:
    """Return what to run for a revision. A worker begins with one instance, which takes work at once."""
    return RevisionSpec(
        revision=name,
        placement=config.placement,
        digest=digest,
        reference=reference,
        command=config.command,
        instances=1 if config.router == "none" else config.instances,
        environment=dict(config.env),
        health=config.health,
        stop_grace_s=config.stop_grace_s,
        needs_port=config.kind == "service" or config.router != "none",
    )


def starts_before_traffic(config: PlacementConfig) -> bool:
    """Return False for a static site without a router: starting it there is switching to it."""
    return not (config.kind == "static" and config.router == "none")


def as_shared(tx: ReadTx, config: PlacementConfig) -> PlacementConfig:
    """Return the configuration with its listener as the catalog has that address and port now.

    A listener may serve several placements, and has one certificate: the catalog's, in which all who share it
    agree. What a deployment was begun with is older, and would take a renewed one back at each of its steps.
    """
    mine = config.listener
    if mine is None:
        return config

    def is_same(other: PlacementConfig | None) -> bool:
        there = other.listener if other is not None else None
        return there is not None and (there.address, there.port) == (mine.address, mine.port)

    own = catalog.find_placement(tx, config.placement)
    holder = own if is_same(own) else next(filter(is_same, catalog.list_placements(tx)), config)
    assert holder is not None
    return replace(config, listener=holder.listener)


def route_spec(tx: ReadTx, config: PlacementConfig, *revisions: Revision | None) -> RouteSpec:
    """Return the placement's route with these revisions as the members of their slots."""
    config = as_shared(tx, config)
    members = {each.slot: each.endpoints for each in revisions if each is not None and each.endpoints}
    return RouteSpec(
        placement=config.placement,
        listener=config.listener or _NO_LISTENER,
        hosts=config.hosts,
        candidate_hosts=config.candidate_hosts,
        path_prefix=config.path_prefix,
        members=members,
        health_path=config.health.path if config.health.kind == "http" else None,
        request_timeout_s=config.request_timeout_s,
    )


def want_split(
    tx: Tx, place: PlacementState, config: PlacementConfig, route: RouteSpec, split: Split, deadline_s: float
) -> SetSplit:
    """The split is the placement's wanted one; returns how to put it in force.

    A split that was wanted before keeps its generation, so that a repeat is the same effect. A new one
    takes the next free number, and the one after that stays reserved for its rollback.
    """
    if place.split != split:
        place = change_place(tx, place, split=split, generation=place.generation + 2)
    reserved = {place.generation + 1}
    if place.confirmed_generation:
        reserved.add(place.confirmed_generation + 1)
    return SetSplit(
        key=f"{place.placement}/split/{place.generation}",
        router=config.router,
        route=route,
        split=split,
        generation=place.generation,
        fence=place.fence,
        reserved=tuple(sorted(reserved - {place.generation})),
        deadline_s=deadline_s,
    )


def want_instances(d: Deployment, candidate: Revision, stable: Revision | None, weight: float) -> SetInstances:
    """Return how a worker, or a site without a router, stands at `weight`."""
    mine, theirs = instances_at(weight, d.config.instances)
    return SetInstances(
        key=f"{d.id}/instances/{weight:g}",
        target=d.config.target,
        candidate=candidate.spec,
        candidate_instances=mine,
        stable=stable.spec if stable is not None else None,
        stable_instances=theirs,
        weight=weight,
    )


def way_back(tx: Tx, scene: Scene, settings: DeploymentsSettings) -> WayBack:
    """Return how to make stable serve everything, worked out before it is needed."""
    d, place = scene.deployment, scene.place
    stable = scene.returning or scene.stable
    back = WayBack(
        key=f"{d.id}/back",
        placement=d.placement,
        stable_target=stable.target if stable is not None else None,
        stable=stable.spec if stable is not None else None,
        stable_slot=stable.slot if stable is not None else None,
        deadline_s=settings.split_deadline_s,
    )
    if d.means == "instances":
        if scene.candidate is None:
            return back
        return replace(back, instances=want_instances(d, scene.candidate, stable, 0.0))
    back = replace(back, router=d.config.router)
    if scene.returning is not None:
        assert d.candidate_slot is not None
        split = Split(scene.returning.slot, d.candidate_slot, 0.0, d.preview_token)
        route = route_spec(tx, d.config, scene.candidate, scene.returning)
        wanted = want_split(tx, place, d.config, route, split, settings.split_deadline_s)
        # What is live now goes, also where a rename meanwhile says that it alone serves.
        return replace(back, split_to=replace(wanted, reserved=()))
    if d.is_first:
        return replace(back, removes_route=True)
    return _rename(back, d, place)


def _rename(back: WayBack, d: Deployment, place: PlacementState) -> WayBack:
    """Return the way back by one rename, if any generation in force can be this deployment's own."""
    own: set[int] = set()
    if place.split is not None and place.split.preview_token == d.preview_token:
        own.add(place.generation)
    if d.weight is not None:
        own.add(place.confirmed_generation)
    if not own:
        return replace(back, router=None)
    return replace(
        back,
        own=tuple(sorted(own)),
        reserved=tuple(sorted(each + 1 for each in own)),
        is_open=d.weight is not None,
    )


def smoke_checks(config: PlacementConfig, revision: Revision, *, is_live: bool) -> tuple[SmokeCheck, ...]:
    """Return the smoke tests of a revision: through the proxy by its own host name where it has one.

    Without declared tests the health path is the one test (SOP §3.1 "curl -f https://green.example.com/health").
    """
    tests = config.smoke_tests
    if not tests and config.health.kind == "http" and config.health.path and revision.endpoints:
        tests = (SmokeTest("health", "http", config.health.path),)
    base, host = _address(config, revision, is_live=is_live)
    environment = {
        "SC_SERVICE": config.service,
        "SC_ENVIRONMENT": config.environment,
        "SC_REVISION": revision.name,
        "SC_DIGEST": revision.digest,
        "SC_URL": base,
        "SC_HOST": host or "",
    }
    return tuple(
        SmokeCheck(
            name=test.name,
            kind=test.kind,
            url=base + (test.path or "/") if test.kind == "http" else "",
            host_header=host,
            expect_status=test.expect_status,
            expect_body=test.expect_body,
            command=test.command or "",
            environment=environment,
            timeout_s=test.timeout_s,
        )
        for test in tests
    )


def _address(config: PlacementConfig, revision: Revision, *, is_live: bool) -> tuple[str, str | None]:
    hosts = config.hosts if is_live else config.candidate_hosts
    if config.router == "envoy" and config.listener is not None and hosts:
        scheme = "https" if config.listener.certificate_file else "http"
        return f"{scheme}://{_reach(config.listener.address)}:{config.listener.port}", hosts[0]
    if not revision.endpoints:
        return "", None
    end = revision.endpoints[0]
    return f"http://{_reach(end.host)}:{end.port}", config.hosts[0] if config.hosts else None


def _reach(address: str) -> str:
    """Return how to reach a listener from its own machine."""
    if address in ("", "0.0.0.0", "*"):
        return "127.0.0.1"
    if address == "::":
        return "[::1]"
    return f"[{address}]" if ":" in address and not address.startswith("[") else address


def free_slot(place: PlacementState) -> Slot:
    """Return the slot that does not hold stable."""
    return other_slot(place.stable_slot)
