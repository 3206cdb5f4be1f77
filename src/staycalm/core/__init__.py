"""Pure words everybody shares: errors, events, state machines, durations. No I/O, no clock."""
