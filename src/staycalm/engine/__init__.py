"""What makes due rows happen: the loop, the delivery dispatcher, the effect runner, leases. No business rule."""
