"""Django commands of `fleet.exports`."""
