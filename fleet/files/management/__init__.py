"""Django management of `fleet.files`."""
