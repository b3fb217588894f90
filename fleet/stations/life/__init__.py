"""What happens to a station after it joined: retirement, transfer, other hardware, repair of its place on the broker."""
