"""Commands to stations: issued, sent, run once or expired, and what became of them."""
