"""The manifest: which files the station holds, by their SHA-256, and what the server was told of them."""
