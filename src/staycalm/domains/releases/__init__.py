"""What was built: immutable bytes by digest, with the record of SOP §2.2 beside them.

A release is registered once and promoted by digest, never rebuilt. Its bytes are in the artifact store, or,
for the exec target, somewhere else under an opaque reference. `REL-n`, a digest, a unique prefix of digest
or commit, and an exact reference all name it. Where it was deployed is learned from `deployments.completed`.
"""
