"""Envoy as the embedded proxy: supervised, configured by files, asked through its admin socket."""

from staycalm.adapters.envoy.binary import Binary, find_binary
from staycalm.adapters.envoy.router import EnvoyRouter
from staycalm.adapters.envoy.settings import EnvoySettings

__all__ = ["Binary", "EnvoyRouter", "EnvoySettings", "find_binary"]
