"""The I/O toolbox: database, events, clock, ids, settings, HTTP edge, live hub, logs. No business rules."""
