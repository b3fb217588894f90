"""Django management of `fleet.commands`."""
