"""The password of plover, the person in most of these tests, and a check for being logged in."""

from django.test import Client

PASSWORD = "salt meadow 41"


def is_logged_in(client: Client) -> bool:
    return client.get("/accounts/").status_code == 200
