"""Concurrent requests: the last two owners leaving at once, and several people signing up with one name."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from accounts.plovers import PASSWORD
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from people import Role, person
from waiting import PATIENCE_S

from fleet.core.errors import InvalidInput
from fleet.organizations.models import Membership
from fleet.organizations.people import person_delete

pytestmark = pytest.mark.django_db(transaction=True)


def together(*actions):
    gate = Barrier(len(actions))

    def run(action):
        gate.wait(PATIENCE_S)
        try:
            return action()
        except InvalidInput as refused:
            return str(refused)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


@pytest.mark.parametrize("_time", range(3))
def test_of_the_last_two_owners_one_stays(transactional_db, institute, _time):
    two = [person(name, (institute, Role.OWNER)) for name in ("knot", "ruff")]
    answers = together(*(lambda user=user: person_delete(user=user) for user in two))
    assert answers.count(None) == 1
    (refused,) = (answer for answer in answers if answer)
    assert "last owner of Institute" in refused
    assert Membership.objects.get().role == Role.OWNER


def test_two_who_want_one_name_get_one_account_and_no_error(transactional_db, mailoutbox):
    def sign_up(number):
        fields = {"username": "dunlin", "email": f"dunlin{number}@example.org", "password1": PASSWORD}
        return Client(raise_request_exception=False).post("/accounts/signup/", fields).status_code

    answers = together(*(lambda number=number: sign_up(number) for number in range(3)))
    # 429: if the count of attempts is a second late, the caller is asked to try again.
    assert 302 in answers
    assert set(answers) <= {200, 302, 429}
    assert User.objects.count() == 1
