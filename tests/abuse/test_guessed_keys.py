"""Case 79, for programs: guessing keys or codes is limited per source address, and other callers are not affected."""

import pytest
from django.test import Client
from people import key_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]

GUESSES = 400


def request_status(secret: str, source: str, **headers: str) -> int:
    client = Client(
        REMOTE_ADDR=source, headers={"Authorization": f"Bearer {secret}", **headers}, raise_request_exception=False
    )
    return client.get("/api/v1/stations").status_code


def guess_until_braked(**headers: str) -> int:
    for number in range(GUESSES):
        invented = {name: value.format(number % 250) for name, value in headers.items()}
        if request_status(f"guess{number:03d}.{'x' * 32}", "203.0.113.9", **invented) == 429:
            return number
    return GUESSES


def test_wrong_keys_are_braked_by_source_and_good_ones_from_elsewhere_are_not(institute):
    assert guess_until_braked() < GUESSES
    key = key_of(institute)
    assert request_status(key, "203.0.113.10") == 200


def test_a_source_that_the_caller_invents_is_not_believed(institute):
    assert guess_until_braked(**{"X-Forwarded-For": "198.51.100.{}", "X-Real-IP": "198.51.100.{}"}) < GUESSES


def test_every_wrong_key_gets_the_same_answer(institute):
    key = key_of(institute)
    prefix, _, secret = key.partition(".")
    wrong = [f"{prefix}.{'x' * len(secret)}", f"{'y' * len(prefix)}.{secret}", f"{prefix}.{secret[:-1]}"]
    answers = set()
    for each in wrong:
        client = Client(headers={"Authorization": f"Bearer {each}"}, raise_request_exception=False)
        answers.add(client.get("/api/v1/stations").content)
    assert len(answers) == 1
