"""On-call: who has the pager, how they are reached, and who is next when nobody answers.

`schedules` computes who is on call at every instant and moves the SOP's On-Call role at each hand-off.
`contacts` holds how a person is reached. `policies` says who is paged in which order. `escalations` is one
row per subject (an incident, an alert group) with frozen steps and a due time; a step queues messages in
its own transaction. `notifications` sends them and is the delivery log. `coverage` looks for holes a month
ahead. Everything that has to happen later is a due time in a row: nothing stops silently.
"""
