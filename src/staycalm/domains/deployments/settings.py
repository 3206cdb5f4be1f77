"""Settings of the section `deployments`."""

from __future__ import annotations

from dataclasses import dataclass

from staycalm.kit.settings import setting


@dataclass(frozen=True)
class DeploymentsSettings:
    """How rollouts are watched, judged, and ended."""

    people_deploy_freely: bool = setting(
        False, doc="A person may deploy to production without --hotfix and a reason."
    )
    poll_fast_s: float = setting(0.1, unit="s", doc="Time between looks at the start of a step.")
    poll_fast_for_s: float = setting(10.0, unit="s", doc="How long a step is looked at in the fast rhythm.")
    poll_s: float = setting(0.25, unit="s", doc="Time between looks afterwards.")
    save_every_s: float = setting(
        1.0, unit="s", doc="Time between stored looks; after a restart the rest is read from the proxy again."
    )
    health_poll_s: float = setting(1.0, unit="s", doc="Time between health checks of candidate and stable.")
    metrics_poll_s: float = setting(5.0, unit="s", doc="Time between questions to a metric source.")
    time_factor: float = setting(
        1.0, doc="How many times faster than declared strategies run; above 1 only for demonstrations."
    )
    baseline_s: float = setting(
        10.0, unit="s", doc="How long stable alone is watched before the first shift, to learn what is normal."
    )
    verify_s: float = setting(60.0, unit="s", doc="How long a release serves everything before it is completed.")
    error_increase: float = setting(
        0.01, unit="fraction", doc="Rise of the error rate that is rolled back (SOP §3.2: one percentage point)."
    )
    latency_increase: float = setting(
        0.20, unit="fraction", doc="Rise of p50 or p95 response time that is rolled back (SOP §3.2)."
    )
    business_decrease: float = setting(
        0.20, unit="fraction", doc="Fall of the business metric that is rolled back."
    )
    latency_grace_s: float = setting(
        60.0, unit="s", doc="How long a cold candidate may be slow before response times are compared."
    )
    stop_error_rate: float = setting(0.05, unit="fraction", doc="Error rate that needs no statistics.")
    stop_p95_s: float = setting(5.0, unit="s", doc="p95 response time that needs no statistics.")
    stop_window_s: int = setting(30, unit="s", doc="Window of the absolute stops.")
    stop_min_requests: int = setting(20, doc="Requests in the window below which an absolute stop says nothing.")
    keep_failed_s: float = setting(
        86400.0, unit="s", doc="How long a failed candidate is left running for whoever looks into it."
    )
    remove_stopped_after_s: float = setting(
        7 * 86400.0, unit="s", doc="How long files and logs of a stopped revision are kept."
    )
    unproven_warm_factor: float = setting(
        3.0, doc="How many times longer the old revision stays warm when the release is not proven."
    )
    drain_s: float = setting(30.0, unit="s", doc="Longest wait for requests in flight before a revision stops.")
    steady_s: float = setting(15.0, unit="s", doc="Time between checks that what should serve does.")
    split_deadline_s: float = setting(5.0, unit="s", doc="Time the proxy has to confirm new weights.")
    pending_limit_s: float = setting(
        600.0, unit="s", doc="A deployment that could not start for so long is aborted."
    )
    preparing_limit_s: float = setting(300.0, unit="s", doc="Time a candidate has to become healthy, at least.")
    smoke_limit_s: float = setting(300.0, unit="s", doc="Time the smoke tests have.")
    held_limit_s: float = setting(
        86400.0, unit="s", doc="A deployment that nobody freed for so long is rolled back."
    )
    history_s: float = setting(30 * 86400.0, unit="s", doc="How long per-second history is kept.")
