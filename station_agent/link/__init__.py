"""The agent's only network: one connection that publishes, one that takes commands."""
