"""Who was paged for an incident, and what they did."""
