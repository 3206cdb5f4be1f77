"""Who is on call when: rotations stepped in wall-clock time, overrides on top, role changes at each hand-off."""
