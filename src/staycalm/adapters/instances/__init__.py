"""Counters read from running instances themselves, in the Prometheus text format."""

from staycalm.adapters.instances.adapter import InstanceScraper

__all__ = ["InstanceScraper"]
