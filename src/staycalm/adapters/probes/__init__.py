"""Probes from this machine: HTTP, TCP, SQL, and commands that the server's own settings name."""

from staycalm.adapters.probes.adapter import LocalProber
from staycalm.adapters.probes.host import LocalHost
from staycalm.adapters.probes.settings import ProbesSettings
from staycalm.adapters.probes.smoke import LocalSmokeRunner

__all__ = ["LocalHost", "LocalProber", "LocalSmokeRunner", "ProbesSettings"]
