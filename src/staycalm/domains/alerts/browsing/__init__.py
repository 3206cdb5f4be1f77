"""The list of alerts that people look through: a filter, its facets with counts, and pages by key."""
