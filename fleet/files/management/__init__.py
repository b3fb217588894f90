"""Django management of `fleet.exports`."""
