"""The event log as people read it: who did what to which subject, when. First part: reading only."""
