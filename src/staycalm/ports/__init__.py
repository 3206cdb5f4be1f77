"""One Protocol and its frozen values per outside need. Adapters fill them, `app/wiring.py` chooses which.

All methods are `async def`; a fake in simulation never suspends. Every call is bounded by a deadline,
every effect is "set X", never "add X", and a failure is a `PortError`.
"""
