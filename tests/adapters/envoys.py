"""Settings of the real Envoys here: on a busy machine everything answers, only later than in production."""

from __future__ import annotations

from staycalm.adapters.envoy import EnvoySettings

PATIENT = EnvoySettings(
    admin_timeout_s=30.0, start_timeout_s=60.0, connect_timeout_s=30.0, health_timeout_s=30.0, drain_timeout_s=30.0
)
