"""Version 1 of the HTTP API: one file a resource, each with its view and what goes in and out."""
