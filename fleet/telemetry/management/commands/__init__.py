"""Words of the command line for `fleet.telemetry`."""
