"""Django management of `fleet.telemetry`."""
