"""Rules that are declared, and where each stands on each placement."""
