"""People, how they prove who they are, and what their roles let them do.

`decisions` holds the SOP's access matrix as one table; `guard` answers it for every request: who is this
(session cookie or API token), and is this level of this resource allowed now. Roles are standing (from
the file, the set-up or an invitation) or assumed for a time range, as on-call is for the length of a shift.
"""
