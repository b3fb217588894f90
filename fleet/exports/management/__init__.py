"""Django management of `fleet.exports`, and the words of its commands."""
