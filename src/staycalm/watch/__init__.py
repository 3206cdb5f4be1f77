"""The watchdog: a small process, best on another machine, that pages when StayCalm itself goes silent.

It asks `/health` and needs nothing else of the server: no account, no database. Its contacts and their
secrets are its own, so it can page while everything it watches is down.
"""
