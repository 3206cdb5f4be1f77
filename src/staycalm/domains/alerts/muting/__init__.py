"""Silences (by label matchers) and maintenance (by placement, service, environment, or everything).

Both have an owner, a reason and an end. Neither hides an alert: it is kept, as suppressed, with the id of what
mutes it; when the muting ends and the alert still fires, it is raised.
"""
