"""The ports a deployment acts through, and the effects that are one call each."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from staycalm.domains.deployments.decisions import adopted_generation
from staycalm.domains.deployments.reconcile.effects import (
    Adopted,
    Behind,
    CheckReady,
    Inspect,
    Inspected,
    RemoveRevision,
    RunSmokeTests,
    SentBack,
    SetInstances,
    SetSplit,
    SplitSet,
    StartRevision,
    Stopped,
    StopRevision,
    WayBack,
)
from staycalm.domains.deployments.watching.counters import Meters
from staycalm.kit.clock import Clock
from staycalm.ports.deploy import DeployTarget, LogLine, RevisionSpec, RevisionStatus
from staycalm.ports.errors import DigestMismatch, PortError, Unsupported
from staycalm.ports.smoke import SmokeResult, SmokeRunner
from staycalm.ports.traffic import EdgeObservation, TrafficRouter

SAVED_LOG_LINES = 500
WEIGHT_TOLERANCE = 0.5


@dataclass(frozen=True)
class Outside:
    """Everything outside that a deployment needs: routers and targets by the name a placement gives them."""

    routers: Mapping[str, TrafficRouter]
    targets: Mapping[str, DeployTarget]
    smoke: SmokeRunner
    meters: Meters
    clock: Clock

    def router(self, name: str) -> TrafficRouter:
        """Return the router; raises Unsupported when this server has none of that name."""
        try:
            return self.routers[name]
        except KeyError:
            raise Unsupported(f"this server has no {name} router") from None

    def target(self, name: str) -> DeployTarget:
        """Return the deploy target; raises Unsupported when this server has none of that name."""
        try:
            return self.targets[name]
        except KeyError:
            raise Unsupported(f"this server has no {name} target") from None


async def start_revision(outside: Outside, effect: StartRevision) -> RevisionStatus:
    """The revision's instances run or are starting, from bytes with the registered digest."""
    target = outside.target(effect.target)
    await target.prepare(effect.spec)
    if effect.only_prepare:
        return RevisionStatus(effect.spec.revision, exists=True, digest=effect.spec.digest)
    return await target.start(effect.spec)


async def check_ready(outside: Outside, effect: CheckReady) -> RevisionStatus:
    """Return how the revision is; raises DigestMismatch when other bytes run than were registered."""
    status = await outside.target(effect.target).status(effect.spec)
    if status.digest is not None and status.digest != effect.spec.digest:
        raise DigestMismatch(f"{effect.spec.revision} runs {status.digest}, not {effect.spec.digest}")
    return status


async def run_smoke_tests(outside: Outside, effect: RunSmokeTests) -> tuple[SmokeResult, ...]:
    """Return the result of every check."""
    return await outside.smoke.run(effect.checks)


async def set_split(outside: Outside, effect: SetSplit) -> SplitSet | Adopted | Behind:
    """The split is in force; or a reserved rollback generation is, which no weight may overwrite."""
    router = outside.router(effect.router)
    adopted = await find_adopted(router, effect.placement, effect.reserved, effect.deadline_s)
    if adopted is not None:
        return Adopted(adopted)
    newest = max((edge.generation or 0 for edge in await router.observe(effect.placement)), default=0)
    if newest > effect.generation:
        return Behind(newest)
    await router.ensure(effect.route)
    confirmation = await router.set_split(
        effect.placement,
        effect.split,
        generation=effect.generation,
        fence=effect.fence,
        deadline_s=effect.deadline_s,
    )
    return SplitSet(confirmation.took_s)


async def find_adopted(
    router: TrafficRouter, placement: object, reserved: tuple[int, ...], deadline_s: float
) -> int | None:
    """Return the reserved generation that some edge has in force, after every edge followed it; else None."""
    seen = await router.observe(placement)  # type: ignore[arg-type]
    adopted = adopted_generation((edge.generation for edge in seen), reserved)
    if adopted is not None and any(edge.generation != adopted for edge in seen):
        await router.roll_back(placement, deadline_s=deadline_s)  # type: ignore[arg-type]
    return adopted


async def set_instances(outside: Outside, effect: SetInstances) -> SplitSet:
    """So many instances of each run: the growing side was started before the other was stopped."""
    target = outside.target(effect.target)
    began = outside.clock.monotonic()
    orders = [(effect.candidate, effect.candidate_instances)]
    if effect.stable is not None:
        place = 1 if effect.candidate_instances > 0 else 0
        orders.insert(place, (effect.stable, effect.stable_instances))
    for spec, instances in orders:
        await target.scale(spec, instances)
    return SplitSet(outside.clock.monotonic() - began)


async def go_back(outside: Outside, effect: WayBack) -> SentBack | Behind:
    """What `send_back` does; where stable was started again for it, by a split that has no reserved generation."""
    if effect.split_to is None:
        return await send_back(outside, effect)
    began = outside.clock.monotonic()
    done = await set_split(outside, effect.split_to)
    if isinstance(done, Behind):
        return done
    took_s = outside.clock.monotonic() - began
    return SentBack(took_s, effect.split_to.generation, await _is_stable_healthy(outside, effect))


async def send_back(outside: Outside, effect: WayBack) -> SentBack:
    """Stable serves everything, or nobody does where there is no stable. Needs no database."""
    began = outside.clock.monotonic()
    generation: int | None = None
    if effect.instances is not None:
        await set_instances(outside, effect.instances)
    elif effect.router is not None and effect.removes_route:
        await outside.router(effect.router).remove(effect.placement)
    elif effect.router is not None and await _is_own(outside, effect):
        confirmation = await outside.router(effect.router).roll_back(
            effect.placement, deadline_s=effect.deadline_s
        )
        generation = confirmation.generation
    took_s = outside.clock.monotonic() - began
    return SentBack(took_s, generation, await _is_stable_healthy(outside, effect))


async def _is_own(outside: Outside, effect: WayBack) -> bool:
    if not effect.own:
        return True
    assert effect.router is not None
    rightful = {*effect.own, *effect.reserved}
    seen = await outside.router(effect.router).observe(effect.placement)
    if all(edge.generation is None for edge in seen):
        return effect.is_open
    return any(edge.generation in rightful for edge in seen)


async def _is_stable_healthy(outside: Outside, effect: WayBack) -> bool:
    if effect.stable is None or effect.stable_target is None:
        return False
    try:
        if not (await outside.target(effect.stable_target).status(effect.stable)).is_ready:
            return False
        if effect.router is None or effect.stable_slot is None:
            return True
        seen = await outside.router(effect.router).observe(effect.placement)
    except PortError:
        return False
    slot = effect.stable_slot
    return all(edge.healthy_members.get(slot, 1) > 0 for edge in seen if edge.is_live)


def needs_start(status: RevisionStatus) -> bool:
    """Return whether to start what should run. A target's own supervisor starts again what ends, if it lives."""
    return not status.exists or not status.instances or any(i.readiness == "exited" for i in status.instances)


async def inspect(outside: Outside, effect: Inspect) -> Inspected:
    """What should serve does again, or what is wrong is known. A restarted revision gets its route next time."""
    statuses: list[RevisionStatus] = []
    for name, spec in effect.running:
        target = outside.target(name)
        status = await target.status(spec)
        if needs_start(status):
            await target.prepare(spec)
            await target.start(spec)
            return Inspected(f"{spec.revision} did not run", is_mended=True)
        statuses.append(status)
    seen = tuple(statuses)
    wanted = effect.split_to
    if wanted is None:
        return Inspected(statuses=seen)
    router = outside.router(wanted.router)
    adopted = await find_adopted(router, effect.placement, wanted.reserved, wanted.deadline_s)
    if adopted is not None:
        return Inspected(adopted=adopted, statuses=seen)
    edges = await router.observe(effect.placement)
    dead = [
        f"proxy {edge.edge} is not live: {edge.problem or 'no reason known'}" for edge in edges if not edge.is_live
    ]
    if dead:
        return Inspected("; ".join(dead), statuses=seen)
    wrong = [
        f"proxy {edge.edge} had generation {edge.generation} in force, not {wanted.generation}"
        for edge in edges
        if is_off(edge, wanted.generation, wanted.split.candidate_weight)
    ]
    if not wrong:
        await router.ensure(wanted.route)
        return Inspected(statuses=seen, is_confirmed=True)
    done = await set_split(outside, wanted)
    return Inspected(
        problem="; ".join(wrong),
        is_mended=isinstance(done, SplitSet),
        statuses=seen,
        is_confirmed=isinstance(done, SplitSet),
        behind=done.generation if isinstance(done, Behind) else None,
    )


def is_off(edge: EdgeObservation, generation: int, weight: float) -> bool:
    """Return whether a live edge does something else than it was told; one that cannot tell is believed."""
    if not edge.is_live:
        return False
    if edge.split is None or (edge.generation is not None and edge.generation != generation):
        return True
    return abs(edge.split.candidate_weight - weight) > WEIGHT_TOLERANCE


async def stop_revision(outside: Outside, effect: StopRevision) -> Stopped:
    """No instance runs; requests in flight ended first, or the drain time did."""
    if effect.router is not None:
        with suppress(Unsupported):
            await outside.router(effect.router).wait_drained(
                effect.placement, effect.slot, deadline_s=effect.drain_s
            )
    target = outside.target(effect.target)
    lines = await _last_lines(target, effect.spec)
    await target.stop(effect.spec, reason=effect.reason)
    return Stopped(lines)


async def _last_lines(target: DeployTarget, spec: RevisionSpec) -> tuple[LogLine, ...]:
    try:
        return await target.logs(spec.revision, tail=SAVED_LOG_LINES)
    except PortError:
        return ()


async def remove_revision(outside: Outside, effect: RemoveRevision) -> None:
    """Nothing of the revision is left outside."""
    await outside.target(effect.target).remove(effect.spec)
