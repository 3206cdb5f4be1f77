"""StayCalm: one self-hosted control plane for everything that happens after launch."""

__version__ = "0.1.0"
