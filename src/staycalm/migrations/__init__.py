"""Schema history, for both databases. Each step goes up and down, and old code runs on the new schema."""
