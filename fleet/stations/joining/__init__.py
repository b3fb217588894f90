"""How stations join an organization: by import, registration code, claim, or from the queue."""
