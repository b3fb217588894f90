"""The domain: what Roost knows and decides, without HTTP, broker or clock of its own."""
