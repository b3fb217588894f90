"""A station's life after joining: hardware swaps, transfer, succession, and repair of its objects on the broker."""
