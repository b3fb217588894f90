"""Pages of an organization's forwarders."""
