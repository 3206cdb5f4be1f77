"""Probes from this machine: HTTP, TCP, and commands that the server's own settings name."""

from staycalm.adapters.probes.adapter import LocalProber
from staycalm.adapters.probes.settings import ProbesSettings
from staycalm.adapters.probes.smoke import LocalSmokeRunner

__all__ = ["LocalProber", "LocalSmokeRunner", "ProbesSettings"]
