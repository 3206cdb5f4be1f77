"""The full health report: StayCalm itself, its proxies and every placement, looked at in one go."""
