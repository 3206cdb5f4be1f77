"""The composition root: which adapter fills which port, who listens to whom, what the engine drives."""
