"""What is looked at, how often, and what was last seen: one row per watched thing, with a due time."""
