"""Proving who one is: passwords, sessions, API tokens, and the delays that slow guessing down."""
