"""The sample shop, the load generator and the narrator of `sc demo`."""
