"""Organizations (the tenants), their members with roles, and their API keys."""
