"""A rollout as people see it: its course as a drawing, the verdict in words, what happened and what is ahead."""
