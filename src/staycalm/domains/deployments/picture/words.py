"""What a page says about a deployment. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from staycalm.core.durations import format_duration
from staycalm.core.events import LogEntry
from staycalm.core.text import one_line
from staycalm.domains.deployments.picture.figures import metrics_of
from staycalm.domains.deployments.records import Deployment

LIMIT = 400
Body = Mapping[str, Any]


def headline(d: Deployment) -> tuple[str, str]:
    """Return (tone, sentence): what is so now, before any figure. Tones are ok, warn, bad, busy and muted."""
    if d.state in _RUNNING:
        return _running(d)
    if d.state == "completed":
        return _completed(d)
    if d.state == "rolled-back":
        how = "automatically" if d.is_automatic_end else f"by {d.end_actor or 'hand'}"
        return "bad", f"Rolled back {how}; stable serves everything."
    if d.state == "rolling-back":
        return "bad", "Going back to stable now."
    return "muted", "Aborted; the release was not taken."


_RUNNING = ("pending", "preparing", "smoke-testing", "shifting", "verifying")


def _running(d: Deployment) -> tuple[str, str]:
    if d.is_held:
        return "warn", "Held: the weight stays until somebody decides."
    if d.is_paused:
        return "warn", "Paused by a person. It is still watched, and still goes back by itself."
    if d.state == "pending":
        return "busy", "Waiting to start."
    if d.state == "preparing":
        return "busy", "The candidate is being started. It has no traffic."
    if d.state == "smoke-testing":
        return "busy", "The candidate runs without traffic; its smoke tests are under way."
    if d.state == "verifying":
        return "busy", "The candidate serves everything and is watched a last time."
    if d.step < 0:
        return "busy", "Learning what is normal for stable before the first shift."
    return _VERDICTS.get(d.verdict or "", ("busy", "The candidate has traffic; nothing can be said yet."))


_VERDICTS = {
    "PROCEED": ("ok", "Healthy so far: the candidate is no worse than stable."),
    "INSUFFICIENT": ("busy", "Nothing bad seen, but not enough traffic yet to be sure."),
    "HOLD": ("warn", "Something is odd: people have to decide."),
    "ROLLBACK": ("bad", "The candidate is worse than stable."),
}


def _completed(d: Deployment) -> tuple[str, str]:
    if d.problem:
        return "warn", "Completed, but the rollback that was asked for could not be done."
    if d.is_first:
        return "ok", "Completed. It was the first here, so there was nothing to compare it with."
    if d.is_proven:
        return "ok", "Completed and proven: no worse than the release before."
    return "warn", "Completed, not proven: not enough was seen to rule out a worse release."


def reason(d: Deployment) -> str:
    """Return why it is so, as long as the sentence needs; empty where the headline says it all."""
    if d.state in ("rolling-back", "rolled-back", "aborted"):
        return d.end_reason or ""
    if d.is_held:
        return d.held_reason or ""
    if d.problem:
        return d.problem
    return d.verdict_reason or "" if d.state in ("shifting", "verifying", "completed") else ""


def finding(d: Deployment) -> str:
    """Return the verdict with its figures, in one sentence: how much worse, how sure, and what it cost.

    `Candidate's error rate was 4.1 pp higher (2.9 to 5.6); rolled back at 14:03:07, after 31 requests had failed.`
    """
    metrics = metrics_of(d)
    proven = [each for each in metrics if each.get("is_proven") and each.get("difference") is not None]
    is_over = d.state in ("rolled-back", "rolling-back", "completed")
    said = next((_comparison(each, is_over=is_over) for each in proven or metrics[:1]), "")
    if d.state not in ("rolled-back", "rolling-back", "completed", "shifting", "verifying") or d.after_completion:
        said = ""
    if d.state != "rolled-back" or d.decided_at is None:
        return f"{said[:1].upper()}{said[1:]}." if said else ""
    ended = f"rolled back at {d.decided_at:%H:%M:%S} UTC"
    if d.failed_requests:
        ended += f", after {d.failed_requests} request{'s' if d.failed_requests != 1 else ''} had failed"
    sentence = f"{said}; {ended}." if said else f"{ended}."
    return sentence[:1].upper() + sentence[1:]


_LIMITS = {"latency-p50": "stable's median", "latency-p95": "stable's p95"}


def _comparison(figures: Body, *, is_over: bool) -> str:
    """Return "candidate's error rate is 4.1 pp higher, 2.9 to 5.6"; empty where nothing was counted yet."""
    difference, low, high = (figures.get(key) for key in ("difference", "low", "high"))
    if difference is None or low is None or high is None:
        return ""
    name, verb = str(figures.get("name")), "was" if is_over else "is"
    if low <= 0 <= high:
        unit = "pp" if name == "errors" or name in _LIMITS else "%"
        noun = "error rate" if name == "errors" else "response time" if name in _LIMITS else name
        span = f"{100 * low:+.1f} to {100 * high:+.1f} {unit}"
        return f"candidate's {noun} {verb} no different as far as can be told ({span})"
    size = f"{100 * abs(difference):.1f}"
    span = "{:.1f} to {:.1f}".format(*sorted((100 * abs(low), 100 * abs(high))))
    if name in _LIMITS:
        how, many = ("slower", "more") if difference > 0 else ("faster", "fewer")
        took = "took" if is_over else "take"
        return (
            f"candidate {verb} {how}: {size} pp {many} of its answers {took} longer than {_LIMITS[name]}, {span}"
        )
    how = "higher" if difference > 0 else "lower"
    if name == "errors":
        return f"candidate's error rate {verb} {size} pp {how}, {span}"
    return f"candidate's {name} {verb} {size} % {how}, {span}"


def event_sentence(entry: LogEntry) -> tuple[str, str]:
    """Return (what happened, why) of an event of a deployment, each on one line."""
    write = _SENTENCES.get(entry.name.rpartition(".")[2])
    said = write(entry.body) if write is not None else entry.name.rpartition(".")[2].replace("_", " ").capitalize()
    why = entry.body.get("reason") or entry.body.get("why") or entry.body.get("problem") or ""
    return one_line(said, LIMIT), one_line(str(why), LIMIT)


def _number(value: Any, unit: str) -> str:
    return f"{value:g}{unit}" if isinstance(value, (int, float)) else f"?{unit}"


def _rolled_back(body: Body) -> str:
    took, failed = body.get("rollback_took_s"), body.get("failed_requests")
    parts = ["Rolled back, stable serves everything"]
    if isinstance(took, (int, float)):
        parts.append(f"in {format_duration(took)}")
    if isinstance(failed, int):
        parts.append(f"after {failed} failed request{'' if failed == 1 else 's'}")
    return " ".join(parts)


def _completed_event(body: Body) -> str:
    if body.get("is_first"):
        return "Completed"
    return "Completed, proven" if body.get("is_proven") else "Completed, not proven"


def _smoke(body: Body) -> str:
    many = len(body.get("tests") or ())
    return f"{many} smoke test{'' if many == 1 else 's'} passed"


_SENTENCES: dict[str, Callable[[Body], str]] = {
    "requested": lambda b: f"Requested: {b.get('release', 'a release')} by {b.get('strategy', 'its strategy')}",
    "candidate_ready": lambda b: f"Candidate is up and healthy in slot {b.get('slot', '?')}",
    "smoke_tests_passed": _smoke,
    "weight_shifted": lambda b: (
        f"Candidate at {_number(b.get('weight'), ' %')} (from {_number(b.get('previous_weight'), ' %')})"
    ),
    "held": lambda b: "Held, urgently" if b.get("is_urgent") else "Held",
    "paused": lambda _: "Paused",
    "resumed": lambda _: "Resumed",
    "promoted": lambda b: f"Promoted to {_number(b.get('to_weight'), ' %')}",
    "rollback_started": lambda b: f"Rollback started at {_number(b.get('weight'), ' %')}",
    "rolled_back": _rolled_back,
    "rollback_failed": lambda _: "Rollback failed",
    "completed": _completed_event,
    "aborted": lambda _: "Aborted",
    "candidate_removed": lambda _: "Candidate stopped",
}
