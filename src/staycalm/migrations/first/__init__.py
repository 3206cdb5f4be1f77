"""The first schema, a module for each domain. It is history: later steps change it, nobody edits it."""
