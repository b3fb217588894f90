"""Commands for `fleet.organizations`."""
