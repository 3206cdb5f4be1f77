"""Putting a release in a placement with no request lost, and taking it back when it is worse.

A deployment starts the release as the *candidate* beside *stable*, waits for its health check, runs the
smoke tests against its own host name, shifts clients to it in steps while both are compared (`analysis`),
and completes; or the proxy goes back to stable by one rename, and the database learns it afterwards.

`machine` names the states, `decisions` says what comes next (both pure); `service` writes what people ask
for; `reconcile` carries it out: `rollout` one row per deployment, `steady` one per placement (what should
run and serve, does), `retire` one per revision (warm and kept ones end in time). Rules that hold always:

- One running deployment per placement is a unique column (`running_key`), not code.
- Every traffic change has a generation, greater than all before; the one after it is reserved for its
  rollback. A reserved generation found in force is adopted, never overwritten by a weight.
- A state's deadline is in its row; when it passes, traffic stays, or goes back, to stable.
"""
