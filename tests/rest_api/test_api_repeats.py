"""`Idempotency-Key` in concurrent requests, on real connections: the work is done once, in any order and number."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from api_asking import problem_of
from django.db import connection, transaction
from django.test import Client
from lock_waits import waiting_for_a_lock
from people import Role, person
from waiting import PATIENCE_S, until

from fleet.core.models import RequestDone
from fleet.organizations.access import viewer_of_user
from fleet.organizations.models import Invitation, Organization

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_counters")]


def invite(who, email: str, *, key: str = "same", lock_timeout_ms: int = 14_000) -> Any:
    """Request an invitation under a key; creating one locks the organization's row."""
    client = Client(raise_request_exception=False)
    client.force_login(who.user)
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {lock_timeout_ms}")
    return client.post(
        "/api/v1/organizations/institute/invitations",
        {"email": email},
        content_type="application/json",
        headers={"Idempotency-Key": key},
    )


class Aside(threading.Thread):
    """A call in a thread, on a connection of its own."""

    def __init__(self, what: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.what, self.result, self.error = what, None, None
        self.start()

    def run(self) -> None:
        try:
            self.result = self.what()
        except Exception as error:  # noqa: BLE001 - raised again in `done`
            self.error = error
        finally:
            connection.close()

    def done(self) -> Any:
        self.join(PATIENCE_S)
        assert not self.is_alive()
        if self.error:
            raise self.error
        return self.result


def until_waiting(count: int) -> None:
    until(lambda: waiting_for_a_lock() == count, f"{count} that wait for a lock", every=0.02)


@contextmanager
def organization_held(organization: Organization) -> Iterator[None]:
    """Keep the organization's row locked meanwhile."""
    with transaction.atomic():
        Organization.objects.select_for_update().get(pk=organization.pk)
        yield


def test_the_same_request_at_the_same_time_is_told_to_come_again_and_done_once(institute, owner):
    with organization_held(institute):
        first = Aside(lambda: invite(owner, "new@example.org"))
        until_waiting(1)
        second = Aside(lambda: invite(owner, "new@example.org", lock_timeout_ms=200)).done()
        told = problem_of(second, 409)
        assert "still running" in told["detail"]
        assert int(second["Retry-After"]) > 0
    assert first.done().status_code == 201
    again = invite(owner, "new@example.org")
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    assert again.json() == first.done().json()
    assert Invitation.objects.count() == 1


def test_one_that_waits_for_the_other_gets_its_answer(institute, owner):
    with organization_held(institute):
        both = [Aside(lambda: invite(owner, "new@example.org")) for _ in range(2)]
        until_waiting(2)
    answers = [each.done() for each in both]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert sorted("Idempotent-Replayed" in answer for answer in answers) == [False, True]
    assert Invitation.objects.count() == 1


def test_another_body_under_the_same_key_is_refused_also_at_the_same_time(institute, owner):
    with organization_held(institute):
        first = Aside(lambda: invite(owner, "new@example.org"))
        until_waiting(1)
        second = Aside(lambda: invite(owner, "other@example.org"))
        until_waiting(2)
    assert first.done().status_code == 201
    problem_of(second.done(), 422)
    problem_of(invite(owner, "other@example.org"), 422)
    assert [held.email for held in Invitation.objects.all()] == ["new@example.org"]


def test_the_same_key_of_another_person_waits_for_nobody(institute, owner):
    other = viewer_of_user(person("other-owner", (institute, Role.OWNER)))
    with organization_held(institute):
        first = Aside(lambda: invite(owner, "new@example.org"))
        until_waiting(1)
        # It gets as far as the organization's locked row, without waiting for the other person's key.
        problem_of(Aside(lambda: invite(other, "other@example.org", lock_timeout_ms=200)).done(), 503)
    assert first.done().status_code == 201
    assert "Idempotent-Replayed" not in invite(other, "other@example.org")
    assert {held.email for held in Invitation.objects.all()} == {"new@example.org", "other@example.org"}


def test_a_request_that_failed_through_our_fault_was_not_done_and_may_be_repeated_under_its_key(institute, owner):
    with organization_held(institute):
        failed = Aside(lambda: invite(owner, "new@example.org", lock_timeout_ms=200)).done()
        told = problem_of(failed, 503)
        assert int(failed["Retry-After"]) > 0
        assert "Try again" in told["detail"]
    assert not RequestDone.objects.exists()
    again = invite(owner, "new@example.org")
    assert again.status_code == 201
    assert "Idempotent-Replayed" not in again
    assert Invitation.objects.count() == 1


def test_what_broke_off_within_was_not_done_either(institute, owner, monkeypatch, settings):
    # The error page is rendered without collected static files.
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    from rest_api.v1 import invitations

    whole = invitations.InvitationOut

    def broken(*_row: object) -> None:
        raise RuntimeError("after the row was written")

    monkeypatch.setattr(invitations, "InvitationOut", broken)
    assert invite(owner, "new@example.org").status_code == 500
    assert not Invitation.objects.exists()
    monkeypatch.setattr(invitations, "InvitationOut", whole)
    assert invite(owner, "new@example.org").status_code == 201
    assert Invitation.objects.count() == 1
