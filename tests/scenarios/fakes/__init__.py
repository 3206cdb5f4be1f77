"""Fake ports for simulation: strict, with fault injection, and never suspending."""
