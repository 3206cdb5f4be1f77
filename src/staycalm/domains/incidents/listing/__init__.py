"""The list of incidents: a filter in the address, and pages by number."""
