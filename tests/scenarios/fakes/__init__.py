"""Strict stand-ins for the outside: they keep the ports' contracts, inject faults, and never suspend."""
