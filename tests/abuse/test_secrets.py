"""Case 82: no secret appears in a log, a table, an error page or the process list."""

import contextlib
import logging
import re

import psutil
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from people import SERVER, key_of, station_of

from fleet.organizations.access import viewer_of_user
from fleet.stations.logins.enrolment import enrolment_token_create

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_counters")]

PASSWORD = "canary of the salt meadow 41"


def api(address: str, body: object, **headers: str):
    client = Client(headers=headers, raise_request_exception=False)
    return client.post(f"/api/v1/{address}", body, content_type="application/json")


def log_in(name: str, password: str):
    return Client(raise_request_exception=False).post("/login/", {"login": name, "password": password})


def secrets_used(institute, owner) -> dict[str, str]:
    """Use one secret of each kind, both correctly and incorrectly; return the secrets."""
    owner.user.set_password(PASSWORD)
    owner.user.save()
    assert log_in(owner.user.username, PASSWORD).status_code == 302
    log_in(owner.user.username, PASSWORD + "!")
    log_in(PASSWORD, "typed into the wrong field")
    key = key_of(institute, write=True)
    bearer = {"Authorization": f"Bearer {key}"}
    assert Client(headers=bearer).get("/api/v1/stations").status_code == 200
    Client(headers={"Authorization": f"Bearer {key}x"}, raise_request_exception=False).get("/api/v1/stations")
    station = station_of(institute)
    token = enrolment_token_create(station=station, actor=SERVER)
    api("enrolments", {"serial": "SG-NOBODY", "token": token})
    login = api("enrolments", {"serial": station.serial, "token": token})
    assert login.status_code == 201
    api("enrolments", {"serial": station.serial, "token": token})
    claim = api("stations/claims", {"serial": "SG-CANARY1"}).json()
    api("stations/waiting", {"secret": claim["secret"]})
    api("stations/claims/AAAA-AAAA", {"organization": institute.slug}, **bearer)
    assert api(f"stations/claims/{claim['code']}", {"organization": institute.slug}, **bearer).status_code < 300
    return {
        "password": PASSWORD,
        "key": key.partition(".")[2],
        "token": token,
        "the station's password": login.json()["amqp"]["password"],
        "claim secret": claim["secret"],
    }


def rows_with(secret: str) -> list[str]:
    """Tables that contain this secret in plain text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        found = []
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table} AS t WHERE position(%s in t::text) > 0", [secret])
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def test_no_secret_is_logged_or_stored_in_plain_text(institute, owner, caplog):
    with caplog.at_level(logging.DEBUG):
        used = secrets_used(institute, owner)
    assert caplog.records
    for what, secret in used.items():
        assert len(secret) > 15, what
        lines = [
            record.name
            for record in caplog.records
            if secret in record.getMessage() and "db.backends" not in record.name
        ]
        assert lines == [], what
        assert rows_with(secret) == [], what


def test_an_error_of_ours_shows_none_of_what_was_sent(institute, owner, caplog, monkeypatch):
    client = Client(raise_request_exception=False, headers={"Authorization": "Bearer canarycanary.canarycanarycanary"})
    client.force_login(owner.user)

    def broken(*args, **kwargs):
        raise RuntimeError("A fault of ours.")

    monkeypatch.setattr("sg_status.pages.joining.add.station_register", broken)
    body = {"organization": institute.pk, "serial": "SG-BROKEN1", "name": "canary in the form", "password": PASSWORD}
    answer = client.post("/stations/add/", body)
    assert answer.status_code == 500
    text = answer.content.decode() + caplog.text
    for secret in (PASSWORD, "canary in the form", "canarycanarycanary", client.cookies["sessionid"].value):
        assert secret not in text
    assert "Traceback" not in answer.content.decode()
    assert "RuntimeError" not in answer.content.decode()


def test_no_process_is_called_with_a_secret(stack):
    secrets = {name: secret for name, secret in stack.secrets.items() if len(secret) > 8}
    assert secrets
    shown = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            shown.append(" ".join(process.cmdline()))
    assert any("postgres" in line for line in shown)
    assert [name for name, secret in secrets.items() if any(secret in line for line in shown)] == []


def test_the_hash_of_a_password_is_never_shown(institute, owner):
    User.objects.filter(pk=owner.user.pk).update(password="canary$of$a$hash")
    viewer = viewer_of_user(owner.user)
    assert "canary" not in repr(viewer)
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    page = client.get(f"/admin/auth/user/{owner.user.pk}/change/").content.decode()
    assert not re.search(r"canary\$of\$a\$hash", page)
