"""Django management of `fleet.organizations`."""
