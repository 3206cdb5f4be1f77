"""The vertical slices, in tiers: a domain imports only domains below its own (pyproject.toml, import contracts)."""
