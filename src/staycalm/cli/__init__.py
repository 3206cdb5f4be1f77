"""`sc`: one file per command group, a client of the API."""
