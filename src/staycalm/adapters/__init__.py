"""One folder per outside system: the adapter, its settings, its README."""
