"""One firing condition is one alert, however often it is told; alerts of one placement are handled as one group.

Rules of `monitoring`, the API and a webhook raise alerts; `service` takes them in batches. Deduplication is a
database constraint: `dedup_key` is unique per service and NULL exactly when the alert is closed. An alert is
firing, acknowledged, suppressed (by a silence or maintenance, `muting`) or resolved. What leaves the domain is
one event per group and rule, not per alert: `incidents` opens an incident for P0 and P1, or `oncall` pages the
group where the setting says so. `reconcile` re-examines alerts when a silence or maintenance begins or ends.
"""
