"""Commands to stations: issuing, sending, running once, expiring, and reporting their outcome."""
