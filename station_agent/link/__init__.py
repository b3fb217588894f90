"""The agent's connections to the broker: one publishes messages, one takes commands."""
