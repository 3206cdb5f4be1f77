"""What changed on and around a placement just before an incident began."""
