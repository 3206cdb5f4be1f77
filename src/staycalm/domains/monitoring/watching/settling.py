"""What was seen becomes rows: failures in a row, samples, usage; then the rules that look at it are evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from staycalm.core.placement import Placement
from staycalm.domains.catalog.public import CapacityLimits, PlacementConfig
from staycalm.domains.monitoring.conditions import queries as conditions
from staycalm.domains.monitoring.conditions.service import evaluate
from staycalm.domains.monitoring.decisions import judge_looks, judge_reading, judge_signals
from staycalm.domains.monitoring.machine import Outcome
from staycalm.domains.monitoring.rules import TRAFFIC_SIGNALS, WINDOW_S, Rule
from staycalm.domains.monitoring.sampling import queries as sampling
from staycalm.domains.monitoring.sampling.service import record_counts, record_usage
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.domains.monitoring.signals import Counts, Usage, saturation
from staycalm.domains.monitoring.uptime.service import count_failure
from staycalm.domains.monitoring.watching import service
from staycalm.domains.monitoring.watching.counting import SATURATION, counts_since, cumulative
from staycalm.domains.monitoring.watching.decisions import Kind
from staycalm.domains.monitoring.watching.queries import CANNOT_TELL, Watch, watches_of
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
ALL_MEASURED = TRAFFIC_SIGNALS | {"saturation", "probes_down", "integrity_failed"}
# Whether the look was recorded: not watched any more, seen and well, or anything else.
Settled = Literal["gone", "well", "other"]


def settle_look(tx: Tx, watch: Watch, seen: ProbeResult | PortError) -> Settled:
    """A probe's answer counts; a look that could not be made proves nothing and goes stale."""
    if isinstance(seen, PortError):
        return _other(service.moved_on(tx, watch, detail=f"could not look: {seen}"[:500]))
    is_watched = service.seen(tx, watch, ok=seen.ok, detail=seen.detail, took_s=seen.took_s)
    if is_watched and not seen.ok and watch.kind == "probe":
        count_failure(tx, watch)
    return "well" if is_watched and seen.ok else _other(is_watched)


def settle_instances(tx: Tx, watch: Watch, config: PlacementConfig, seen: RevisionStatus | PortError) -> Settled:
    """The revision that serves is down when not one instance is ready; what it uses is kept."""
    if isinstance(seen, PortError):
        body = {CANNOT_TELL: True} if isinstance(seen, Unsupported) else None
        return _other(service.moved_on(tx, watch, detail=f"could not look: {seen}"[:500], body=body))
    ready = sum(instance.readiness == "ready" for instance in seen.instances)
    unknown = sum(instance.readiness == "unknown" for instance in seen.instances)
    detail = f"{ready} of {config.instances} instances ready"
    if not ready and unknown:
        return _other(service.moved_on(tx, watch, detail=f"{detail}, {unknown} unknown"))
    record_usage(tx, config.placement, _used(tx, config, seen))
    is_watched = service.seen(tx, watch, ok=ready > 0, detail=detail, took_s=None)
    return "well" if is_watched and ready else _other(is_watched)


def _other(is_watched: bool) -> Settled:
    return "other" if is_watched else "gone"


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


def settle_traffic(tx: Tx, watch: Watch, seen: Samples | PortError) -> Settled:
    """What was counted since the cursor is kept; the first look only takes the cursor."""
    if isinstance(seen, PortError):
        return _other(service.moved_on(tx, watch, detail=f"could not read the counters: {seen}"[:500]))
    if watch.cursor is not None and seen.seconds > 0:
        record_counts(tx, watch.placement, [_counts(tx, slot, seen) for slot in seen.slots])
    detail = "the proxy restarted; what it counted before it died is unknown" if seen.was_reset else ""
    return _other(service.moved_on(tx, watch, cursor=seen.cursor, seen_at=tx.now, detail=detail))


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


def settle_counters(tx: Tx, watch: Watch, seen: Mapping[str, Reading] | PortError) -> Settled:
    """Counters of a metric source become what happened since the last look."""
    if isinstance(seen, PortError):
        return _other(service.moved_on(tx, watch, detail=f"could not ask: {seen}"[:500]))
    read = cumulative(seen)
    record_counts(tx, watch.placement, counts_since(watch.body, read, since=watch.seen_at, now=tx.now))
    full = seen.get(SATURATION)
    if full is not None and full.value is not None:
        record_usage(tx, watch.placement, Usage(tx.now, full.value))
    problems = [f"{name}: {reading.detail}" for name, reading in seen.items() if reading.kind != "value"]
    detail = "; ".join(problems)[:500]
    return _other(service.moved_on(tx, watch, body=dict(read), seen_at=tx.now, detail=detail))


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


def evaluate_after(
    tx: Tx, watch: Watch, config: PlacementConfig, settled: Settled, *, settings: MonitoringSettings
) -> None:
    """Every rule that looks at this watch stands where the latest measurements put it.

    `watch` is as it was before the look. A look that says once more what left everything inactive the last
    time changes nothing, so nothing is asked; staleness is found every minute whatever is seen.
    """
    signals = SIGNALS_OF[watch.kind]
    if watch.kind == "instances" and config.capacity == CapacityLimits():
        signals = frozenset({"probes_down"})
    if settled == "well" and watch.failures == 0 and watch.calm == "clear" and "saturation" not in signals:
        return
    in_force, found = _outcomes_on(tx, config.placement, signals)
    if not found or {outcome.kind for _, outcome in found} == {watch.calm}:
        return
    left = evaluate(tx, config, found, in_force, settings=settings)
    if settled == "well" or watch.kind == "traffic":
        service.set_calm(tx, watch, left.calm)


def evaluate_everything(tx: Tx, config: PlacementConfig, *, settings: MonitoringSettings) -> None:
    """Every rule but PromQL ones stands where the latest measurements, or their absence, put it."""
    in_force, found = _outcomes_on(tx, config.placement, ALL_MEASURED)
    if not evaluate(tx, config, found, in_force, settings=settings).is_quiet:
        service.unsettle(tx, config.placement)


def _outcomes_on(
    tx: Tx, placement: Placement, signals: frozenset[str]
) -> tuple[tuple[Rule, ...], list[tuple[Rule, Outcome]]]:
    in_force = conditions.all_rules(tx)
    concerned = [r for r in in_force if r.signal in signals and r.applies_to(placement)]
    return in_force, outcomes(tx, placement, concerned)


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
    looks = [watch.look for watch in watches_of(tx, placement, *kinds) if CANNOT_TELL not in (watch.body or {})]
    return [(rule, judge_looks(rule, looks, now=tx.now)) for rule in rules]


def _judged_window(tx: ReadTx, rules: Sequence[Rule], measured: sampling.Window) -> list[tuple[Rule, Outcome]]:
    by_length = {s: measured.signals(now=tx.now, window_s=s) for s in {rule.window_s for rule in rules}}
    return [
        (rule, judge_signals(rule, by_length[rule.window_s], latest_at=measured.latest_at, now=tx.now))
        for rule in rules
    ]
