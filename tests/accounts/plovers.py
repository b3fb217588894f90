"""What the tests of accounts know of the person that most of them are about."""

from django.test import Client

PASSWORD = "salt meadow 41"


def is_logged_in(client: Client) -> bool:
    return client.get("/accounts/").status_code == 200
