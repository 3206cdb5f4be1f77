"""What people write after an incident: the sections of the post-mortem, and the action items that follow.

Every version of every section stays, with its author and time: the newest one holds, and a version that was
written on top of an older one is refused with both texts. A published post-mortem is frozen; what is learned
later is appended. An action item has an owner and a day; once that day is over, an alert of P3 says so.
"""
