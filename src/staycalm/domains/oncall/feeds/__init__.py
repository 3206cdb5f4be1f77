"""Calendars to subscribe to: a secret address per person, for one's own shifts or for a whole schedule."""
