"""Version 1 of the HTTP API: one file per resource, with its views and the serializers for input and output."""
