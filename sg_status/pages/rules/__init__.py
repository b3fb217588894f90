"""Pages of the alert rules that an organization made."""
