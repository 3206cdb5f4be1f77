"""How much of every day each probe found its service up."""
