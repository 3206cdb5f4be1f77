"""The timeline: the event log of an incident and its causes, in words."""
