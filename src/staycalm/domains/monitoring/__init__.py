"""What is known about production right now, and when that becomes somebody's business.

Every placement is *watched*: liveness probes and instances every 10 s, traffic counters every 5 s, a declared
data-integrity check, PromQL queries. A watch is a row with a due time; `reconcile` looks and `service` writes
down what was seen. From the samples come the golden signals (latency, traffic, errors, saturation), kept as
5-second rows for a short while and as one row a minute for long.

A *rule* turns an observation into a condition: inactive, pending, firing, keeping. SOP §4.3's rules ship as
data (`rules`), `staycalm.yaml` adds and overrides. No data, stale data and errors are outcomes of their own
and never make anything healthy. A condition that fires or clears is one event; `alerts` makes of it what it
will. Every five minutes, and on demand, a full health report looks at StayCalm itself, its proxies and every
placement at once.
"""
