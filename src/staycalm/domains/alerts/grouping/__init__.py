"""Alerts of one placement are handled as one group, and what people are told is told per group and rule."""
