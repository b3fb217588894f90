"""Django management of `fleet.ingest`."""
