"""Signed JSON to any HTTP receiver."""

from staycalm.adapters.webhook.adapter import WebhookChannel
from staycalm.adapters.webhook.settings import WebhookSettings

__all__ = ["WebhookChannel", "WebhookSettings"]
