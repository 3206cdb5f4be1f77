"""Service pages: what is live, how it has been, what it needs, who has it, and what was put there when."""
