"""Planning notifications: who gets a message about an incident, and the addresses of these people."""
