"""What was measured: 5-second rows kept for a short while, and one row a minute for long."""
