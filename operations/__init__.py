"""The `./roost` command and everything it runs: private services, processes, health, checks."""
