"""Django commands of `fleet.commands`."""
