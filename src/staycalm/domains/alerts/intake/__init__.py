"""Taking reports in, many at once, in one transaction; and the webhook that answers after its commit."""
