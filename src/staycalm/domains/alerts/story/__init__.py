"""One group as a story: its members, its history, and where it belongs."""
