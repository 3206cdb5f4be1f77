"""Pushes that wake a phone, through ntfy."""

from staycalm.adapters.ntfy.adapter import NtfyChannel
from staycalm.adapters.ntfy.settings import NtfySettings

__all__ = ["NtfyChannel", "NtfySettings"]
