"""One look at a rollout: read the counters and the health, judge, and go back at once when that says so."""
