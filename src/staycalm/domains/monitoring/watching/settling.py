"""What was seen becomes rows: failures in a row, samples, usage; then the rules that look at it are evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from staycalm.core.placement import Placement
from staycalm.domains.catalog.public import PlacementConfig
from staycalm.domains.monitoring.conditions import queries as conditions
from staycalm.domains.monitoring.conditions.service import evaluate
from staycalm.domains.monitoring.decisions import judge_looks, judge_reading, judge_signals
from staycalm.domains.monitoring.machine import Outcome
from staycalm.domains.monitoring.rules import TRAFFIC_SIGNALS, WINDOW_S, Rule
from staycalm.domains.monitoring.sampling import queries as sampling
from staycalm.domains.monitoring.sampling.service import record_counts, record_usage
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.domains.monitoring.signals import Counts, Usage, saturation
from staycalm.domains.monitoring.watching import service
from staycalm.domains.monitoring.watching.counting import SATURATION, counts_since, cumulative
from staycalm.domains.monitoring.watching.decisions import Kind
from staycalm.domains.monitoring.watching.queries import Watch, watches_of
from staycalm.kit.database import ReadTx, Tx
from staycalm.ports.deploy import RevisionStatus
from staycalm.ports.errors import PortError, Unsupported
from staycalm.ports.metrics import Reading
from staycalm.ports.probes import ProbeResult
from staycalm.ports.traffic import Samples

SIGNALS_OF = {
    "probe": frozenset({"probes_down"}),
    "instances": frozenset({"probes_down", "saturation"}),
    "traffic": TRAFFIC_SIGNALS,
    "counters": TRAFFIC_SIGNALS | {"saturation"},
    "integrity": frozenset({"integrity_failed"}),
}
# A target that cannot tell what runs is left out of the question whether the service is down.
NOT_TOLD = {"cannot_tell": True}


def settle_look(tx: Tx, watch: Watch, seen: ProbeResult | PortError) -> bool:
    """A probe's answer counts; a look that could not be made proves nothing and goes stale."""
    if isinstance(seen, PortError):
        return service.moved_on(tx, watch, detail=f"could not look: {seen}"[:500])
    return service.seen(tx, watch, ok=seen.ok, detail=seen.detail, took_s=seen.took_s)


def settle_instances(tx: Tx, watch: Watch, config: PlacementConfig, seen: RevisionStatus | PortError) -> bool:
    """The revision that serves is down when not one instance is ready; what it uses is kept."""
    if isinstance(seen, PortError):
        body = NOT_TOLD if isinstance(seen, Unsupported) else None
        return service.moved_on(tx, watch, detail=f"could not look: {seen}"[:500], body=body)
    ready = sum(instance.readiness == "ready" for instance in seen.instances)
    unknown = sum(instance.readiness == "unknown" for instance in seen.instances)
    detail = f"{ready} of {config.instances} instances ready"
    if not ready and unknown:
        return service.moved_on(tx, watch, detail=f"{detail}, {unknown} unknown")
    record_usage(tx, config.placement, _used(tx, config, seen))
    return service.seen(tx, watch, ok=ready > 0, detail=detail, took_s=None)


def _used(tx: Tx, config: PlacementConfig, seen: RevisionStatus) -> Usage:
    cpu = [i.cpu_fraction for i in seen.instances if i.cpu_fraction is not None]
    memory = [i.memory_bytes for i in seen.instances if i.memory_bytes is not None]
    rate = None
    if config.capacity.requests_per_s:
        measured = sampling.traffic_window(tx, config.placement, WINDOW_S)
        rate = measured.signals(now=tx.now, window_s=WINDOW_S).request_rate
    cpu_cores, memory_bytes = (sum(cpu) if cpu else None), (sum(memory) if memory else None)
    full = saturation(config.capacity, cpu_cores=cpu_cores, memory_bytes=memory_bytes, requests_per_s=rate)
    return Usage(tx.now, full, cpu_cores, memory_bytes)


def settle_traffic(tx: Tx, watch: Watch, seen: Samples | PortError) -> bool:
    """What was counted since the cursor is kept; the first look only takes the cursor."""
    if isinstance(seen, PortError):
        return service.moved_on(tx, watch, detail=f"could not read the counters: {seen}"[:500])
    if watch.cursor is not None and seen.seconds > 0:
        record_counts(tx, watch.placement, [_counts(tx, slot, seen) for slot in seen.slots])
    detail = "the proxy restarted; what it counted before it died is unknown" if seen.was_reset else ""
    return service.moved_on(tx, watch, cursor=seen.cursor, seen_at=tx.now, detail=detail)


def _counts(tx: Tx, slot: str, seen: Samples) -> Counts:
    counted = seen.slots[slot]  # type: ignore[index]
    return Counts(
        at=tx.now,
        seconds=seen.seconds,
        slot=slot,
        total=counted.total,
        client_errors=counted.client_errors,
        server_errors=counted.server_errors,
        timeouts=counted.timeouts,
        resets=counted.resets,
        active=counted.active,
        buckets=counted.latency_buckets,
    )


def settle_counters(tx: Tx, watch: Watch, seen: Mapping[str, Reading] | PortError) -> bool:
    """Counters of a metric source become what happened since the last look."""
    if isinstance(seen, PortError):
        return service.moved_on(tx, watch, detail=f"could not ask: {seen}"[:500])
    read = cumulative(seen)
    record_counts(tx, watch.placement, counts_since(watch.body, read, since=watch.seen_at, now=tx.now))
    full = seen.get(SATURATION)
    if full is not None and full.value is not None:
        record_usage(tx, watch.placement, Usage(tx.now, full.value))
    problems = [f"{name}: {reading.detail}" for name, reading in seen.items() if reading.kind != "value"]
    return service.moved_on(tx, watch, body=dict(read), seen_at=tx.now, detail="; ".join(problems)[:500])


def settle_query(
    tx: Tx,
    watch: Watch,
    config: PlacementConfig,
    seen: Mapping[str, Reading] | PortError,
    *,
    settings: MonitoringSettings,
) -> None:
    """A PromQL rule stands where the answer puts it; an error is an outcome too."""
    in_force = conditions.all_rules(tx)
    rule = next((r for r in in_force if r.name == watch.name and r.signal == "query"), None)
    reading = Reading("error", detail=str(seen)) if isinstance(seen, PortError) else seen["value"]
    is_watched = service.moved_on(tx, watch, seen_at=tx.now, detail=reading.detail[:500])
    if is_watched and rule is not None and rule.applies_to(watch.placement):
        evaluate(tx, config, [(rule, judge_reading(rule, reading))], in_force, settings=settings)


def evaluate_rules(
    tx: Tx, config: PlacementConfig, signals: frozenset[str], *, settings: MonitoringSettings
) -> None:
    """Every rule on one of these signals stands where the latest measurements put it."""
    in_force = conditions.all_rules(tx)
    concerned = [r for r in in_force if r.signal in signals and r.applies_to(config.placement)]
    if concerned:
        evaluate(tx, config, outcomes(tx, config.placement, concerned), in_force, settings=settings)


def outcomes(tx: ReadTx, placement: Placement, rules: Sequence[Rule]) -> list[tuple[Rule, Outcome]]:
    """Return what the latest measurements mean to each rule; PromQL rules are left out."""
    found: list[tuple[Rule, Outcome]] = []
    found += _judged_looks(tx, placement, [r for r in rules if r.signal == "probes_down"], "probe", "instances")
    found += _judged_looks(tx, placement, [r for r in rules if r.signal == "integrity_failed"], "integrity")
    on_traffic = [r for r in rules if r.signal in TRAFFIC_SIGNALS]
    if on_traffic:
        found += _judged_window(tx, on_traffic, sampling.traffic_window(tx, placement, _longest_s(on_traffic)))
    on_usage = [r for r in rules if r.signal == "saturation"]
    if on_usage:
        found += _judged_window(tx, on_usage, sampling.usage_window(tx, placement, _longest_s(on_usage)))
    return found


def _longest_s(rules: Sequence[Rule]) -> float:
    return max(rule.window_s for rule in rules)


def _judged_looks(
    tx: ReadTx, placement: Placement, rules: Sequence[Rule], *kinds: Kind
) -> list[tuple[Rule, Outcome]]:
    if not rules:
        return []
    looks = [watch.look for watch in watches_of(tx, placement, *kinds) if watch.body != NOT_TOLD]
    return [(rule, judge_looks(rule, looks, now=tx.now)) for rule in rules]


def _judged_window(tx: ReadTx, rules: Sequence[Rule], measured: sampling.Window) -> list[tuple[Rule, Outcome]]:
    by_length = {s: measured.signals(now=tx.now, window_s=s) for s in {rule.window_s for rule in rules}}
    return [
        (rule, judge_signals(rule, by_length[rule.window_s], latest_at=measured.latest_at, now=tx.now))
        for rule in rules
    ]
