"""The HTTP client of the API; imports nothing of the server."""
