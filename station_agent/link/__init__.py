"""The agent's only network access: one connection that publishes, one that takes commands."""
