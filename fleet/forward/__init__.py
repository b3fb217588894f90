"""Forwarders: what an organization's stations measured, sent on to other places."""
