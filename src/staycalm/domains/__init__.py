"""The vertical slices, in tiers: a domain imports only domains below its own (see the import contracts)."""
