"""Emptying the tables after a test that commits: no row stays, whoever wrote it."""

import threading

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.utils import timezone
from emptying import KEPT, may_switch_triggers_off, tables_empty
from lock_waits import waiting_for_a_lock
from waiting import until

from fleet.organizations.models import Organization, Person

pytestmark = pytest.mark.django_db(transaction=True)


def rows_by_table() -> dict[str, int]:
    """Tables of models with their rows, without empty ones and those that belong to the code."""
    managed = [model for model in apps.get_models() if model._meta.managed and model._meta.db_table not in KEPT]
    counted = {model._meta.db_table: model._base_manager.count() for model in managed}
    return {table: rows for table, rows in counted.items() if rows}


def test_rows_of_all_models_go_and_those_of_the_code_stay():
    user = User.objects.create(username="ada")
    Person.objects.create(user=user)
    Organization.objects.create(name="Ocean", slug="ocean", created_at=timezone.now())
    of_code = ContentType.objects.count(), Permission.objects.count()
    assert rows_by_table()
    tables_empty()
    assert rows_by_table() == {}
    assert (ContentType.objects.count(), Permission.objects.count()) == of_code
    assert all(of_code)


def test_a_row_that_another_connection_is_still_writing_goes_too():
    written, may_commit = threading.Event(), threading.Event()

    def write() -> None:
        try:
            with transaction.atomic():
                User.objects.create(username="late")
                written.set()
                may_commit.wait(30)
        finally:
            connection.close()

    def empty() -> None:
        try:
            tables_empty()
        finally:
            connection.close()

    writer, emptier = threading.Thread(target=write), threading.Thread(target=empty)
    writer.start()
    assert written.wait(30)
    emptier.start()
    until(waiting_for_a_lock, "the emptying waits")
    may_commit.set()
    writer.join(30)
    emptier.join(30)
    assert rows_by_table() == {}


def test_the_services_of_a_run_allow_it():
    assert may_switch_triggers_off()
