"""Holes are found in daylight: every night, and after every change, the coming month is looked through."""
