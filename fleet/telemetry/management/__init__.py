"""Django management of `fleet.stations`."""
