"""The section `rules` of staycalm.yaml: own rules, and changes to the shipped ones, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Literal

from staycalm.core.actor import Actor
from staycalm.core.errors import Invalid
from staycalm.core.priority import Priority, parse_priority
from staycalm.domains.catalog.public import Change, FileSection, Names, Node
from staycalm.domains.monitoring.conditions import queries
from staycalm.domains.monitoring.conditions.service import declare
from staycalm.domains.monitoring.decisions import format_value
from staycalm.domains.monitoring.rules import DEFAULT_RULES, LATENCY_SIGNALS, Comparison, Rule, Signal
from staycalm.domains.monitoring.sampling.queries import FINE_WINDOW_S
from staycalm.domains.monitoring.watching.service import wake_sync
from staycalm.kit.database import ReadTx, Tx

SIGNAL_WORDS: Mapping[str, Signal] = {
    "error_rate": "error_rate",
    "response_time": "p95_ms",
    "response_time_p50": "p50_ms",
    "request_rate": "request_rate",
    "saturation": "saturation",
    "query": "query",
}
COMPARISON_WORDS: Mapping[str, Comparison] = {"above": ">", "at_least": ">=", "below": "<", "at_most": "<="}
KEYS = (
    "signal", "query", "source", *COMPARISON_WORDS, "priority", "summary", "for", "keep_firing_for", "window",
    "min_requests", "services", "environments", "no_data", "labels", "enabled",
)  # fmt: skip
RULES_LIMIT = 200
TEXT_LIMIT = 2000


class RulesSection:
    """`rules: {queue-is-long: {query: 'max(queue_length)', above: 1000, for: 5m, priority: P1}}`."""

    name = "rules"
    under: Literal["file", "person"] = "file"

    def parse(self, node: Node, names: Names) -> tuple[Rule, ...]:
        shipped = {rule.name: rule for rule in DEFAULT_RULES}
        entries = node.entries()
        if len(entries) > RULES_LIMIT:
            node.report(f"{len(entries)} rules are declared", f"{RULES_LIMIT} is the most there may be")
        return tuple(_rule(key.name(), value, shipped.get(key.raw), names) for key, value in entries[:RULES_LIMIT])

    def plan(self, tx: ReadTx, objects: tuple[Rule, ...]) -> tuple[Change, ...]:
        held = {rule.name: rule for rule in queries.declared_rules(tx)}
        changes = []
        for rule in objects:
            old = held.pop(rule.name, None)
            if old is None:
                changes.append(Change("add", f"rule {rule.name}", _shown(rule)))
            elif old != rule:
                changes.append(Change("change", f"rule {rule.name}", _difference(old, rule)))
        return (*changes, *(Change("remove", f"rule {name}") for name in held))

    def apply(self, tx: Tx, actor: Actor, objects: tuple[Rule, ...]) -> None:
        declare(tx, objects)
        wake_sync(tx)


def file_sections() -> tuple[FileSection, ...]:
    """Return monitoring's sections of staycalm.yaml."""
    return (RulesSection(),)


def _rule(name: str, node: Node, shipped: Rule | None, names: Names) -> Rule:
    f = node.fields(*KEYS)
    f.only_one(*COMPARISON_WORDS)
    base = shipped or Rule(name, "P2", "query" if "query" in f else "error_rate", 0.0, "")
    signal = SIGNAL_WORDS[f["signal"].choice(tuple(SIGNAL_WORDS))] if "signal" in f else base.signal
    if shipped is None:
        f.require("priority")
        if "query" not in f:
            f.require("signal")
        if not any(word in f for word in COMPARISON_WORDS):
            node.report(f"rule {name!r} has no limit", f"add one of: {', '.join(COMPARISON_WORDS)}")
    elif signal != shipped.signal:
        f["signal"].report(f"{name} is a shipped rule on another signal", "give your rule another name")
    comparison, threshold = base.comparison, base.threshold
    for word, meant in COMPARISON_WORDS.items():
        if word in f:
            comparison, threshold = meant, _threshold(f[word], signal)
    query = f.text("query", base.query)[:TEXT_LIMIT]
    if signal == "query" and not query:
        f.require("query")
    elif query and signal != "query":
        f["query"].report("a query belongs to signal: query and to no other")
    rule = replace(
        base,
        name=name,
        signal=signal,
        comparison=comparison,
        threshold=threshold,
        query=query,
        source=f.text("source", base.source),
        priority=_priority(f["priority"], base.priority),
        summary=f.text("summary", base.summary or _summary(signal))[:300],
        for_s=f.duration_s("for", base.for_s, most_s=86400.0),
        keep_firing_for_s=f.duration_s("keep_firing_for", base.keep_firing_for_s, most_s=86400.0),
        window_s=f.duration_s("window", base.window_s, least_s=10.0, most_s=FINE_WINDOW_S),
        min_requests=f.integer("min_requests", base.min_requests, least=1, most=1_000_000),
        services=tuple(item.reference(names.services, "service") for item in _items(f["services"])),
        environments=tuple(
            item.reference(names.environments, "environment") for item in _items(f["environments"])
        ),
        on_no_data=f.choice("no_data", ("keep", "fire"), base.on_no_data),
        is_enabled=f.boolean("enabled", base.is_enabled),
        labels={key.text(): value.literal()[:200] for key, value in f["labels"].entries()[:20]}
        or dict(base.labels),
    )
    if rule.on_no_data == "fire" and signal != "query":
        f["no_data"].report("only a query's absence can be told from nothing being deployed", "use it with query")
    return rule


def _items(node: Node) -> tuple[Node, ...]:
    return (node,) if node.kind == "scalar" and not node.is_null else node.nodes()


def _priority(node: Node, default: Priority) -> Priority:
    if node.is_null:
        return default
    try:
        return parse_priority(node.text())
    except Invalid as refusal:
        node.report(refusal.message, refusal.next_step)
        return default


def _threshold(node: Node, signal: Signal) -> float:
    """Return the limit in the signal's unit: 3% or 0.03, 2s or 500ms, or a plain number."""
    if signal in LATENCY_SIGNALS:
        return node.duration_s(most_s=3600.0) * 1000
    if signal in ("error_rate", "saturation"):
        raw = node.literal().strip()
        try:
            value = float(raw[:-1]) / 100 if raw.endswith("%") else float(raw)
        except ValueError:
            value = -1.0
        if 0 <= value <= 10:
            return value
        node.report(f"{raw!r} is not a share", "write it like 3% or 0.03")
        return 0.0
    return node.number(least=-1e15)


def _summary(signal: Signal) -> str:
    if signal == "query":
        return "{rule} of {service} in {environment} is {value} (limit {threshold})"
    return f"{signal} of {{service}} in {{environment}} is {{value}} (limit {{threshold}})"


def _shown(rule: Rule) -> str:
    if not rule.is_enabled:
        return "switched off"
    what = rule.query or rule.signal
    return f"{rule.priority} when {what} {rule.comparison} {format_value(rule.signal, rule.threshold)}"


def _difference(old: Rule, new: Rule) -> str:
    changed = [f.name for f in fields(Rule) if getattr(old, f.name) != getattr(new, f.name)]
    return f"{', '.join(changed)}: {_shown(old)} → {_shown(new)}"
