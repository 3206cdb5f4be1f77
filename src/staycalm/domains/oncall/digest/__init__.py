"""A daily digest by mail, for whoever asks for it: what happened, what waits. Quiet when nothing did."""
