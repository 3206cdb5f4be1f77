"""Numbers from a Prometheus HTTP API: Prometheus, VictoriaMetrics, Mimir, Thanos."""

from staycalm.adapters.prometheus.adapter import PrometheusSource
from staycalm.adapters.prometheus.settings import PrometheusSettings

__all__ = ["PrometheusSettings", "PrometheusSource"]
