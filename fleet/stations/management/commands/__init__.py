"""Commands for `fleet.stations`."""
