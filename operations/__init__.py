"""The one command and what it runs: private services, processes, health, checks."""
