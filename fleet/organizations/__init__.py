"""Tenants: organizations, who belongs to them in which role, and their API keys."""
