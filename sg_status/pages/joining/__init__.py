"""The pages on which a station joins an organization."""
