"""The reference in docs/reference and openapi.json, written from the code itself."""
