"""Secrets appear in no log: real requests to real processes, whose logs are then read."""

import re
import stat
from urllib.parse import quote

import httpx
import pytest
from django.core import mail
from people import SERVER, station_of
from site_processes import running
from waiting import PATIENCE_S

from fleet.organizations.access import Role
from fleet.organizations.invitations import invitation_create
from fleet.stations.logins.enrolment import enrolment_token_create
from operations.paths import Paths
from operations.programs import Program
from operations.stack import program_launch
from web.log_paths import path_shown

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_counters")]

CODE = "canaryCode0123456789abcdefXYZ"
#: Addresses that contain a secret: as in a mail, without the final slash, mistyped, and with a query.
ADDRESSES = [
    f"/accounts/password/reset/1a-{CODE}/",
    f"/accounts/password/reset/1a-{CODE}",
    f"/accounts/confirm/{CODE}/",
    f"/invitations/{CODE}/",
    f"/feeds/1.{CODE}/incidents.atom",
    f"/feeds/1.{CODE}/incidents.ics?x=1",
    f"/mails/off/1-alerts.{CODE}/",
    f"/invitations/{CODE}",
    f"/invitation/{CODE}/",
    f"/{CODE}",
    f"/accounts/password/{CODE}/more/",
    f"/api/v1/stations/claims/{CODE}",
    f"/api/v1/nothing/{CODE}",
    f"/stations/claim/?code={CODE}",
    f"/login/?next=/invitations/{CODE}/",
    f"/admin/auth/user/{CODE}/change/",
]


def reset_link_of(person) -> str:
    from allauth.account.adapter import get_adapter
    from allauth.account.forms import default_token_generator
    from allauth.account.utils import user_pk_to_url_str

    assert get_adapter()
    return f"/accounts/password/reset/{user_pk_to_url_str(person)}-{default_token_generator.make_token(person)}/"


def invitation_link(institute, owner) -> str:
    invitation_create(organization=institute, email="new@example.org", role=Role.VIEWER, actor=owner)
    found = re.search(r"/invitations/[^/\s]+/", mail.outbox[-1].body)
    assert found, mail.outbox[-1].body
    return found.group()


def test_links_and_codes_stand_in_no_log_of_a_process(tmp_path, institute, owner, viewer):
    reset, invitation = reset_link_of(viewer.user), invitation_link(institute, owner)
    station = station_of(institute)
    token = enrolment_token_create(station=station, actor=SERVER)
    secrets = {CODE, reset.rstrip("/").rpartition("-")[2], invitation.strip("/").rpartition("/")[2], token}
    assert all(len(secret) > 15 for secret in secrets)
    with (
        running(tmp_path, "site", "live") as processes,
        httpx.Client(base_url=processes.site, trust_env=False) as asker,
    ):
        for path in [*ADDRESSES, reset, reset.rstrip("/"), invitation, quote(invitation, safe="/")]:
            for method in ("GET", "POST", "PATCH"):
                asker.request(method, path)
        asker.post("/api/v1/enrolments", json={"serial": station.serial, "token": token})
        asker.post("/api/v1/enrolments", json={"serial": station.serial, "token": token})
        httpx.get(f"{processes.live}/live/fleet?code={CODE}", trust_env=False)
    logs = {file.name: file.read_text() for file in processes.logs.iterdir()}
    # Check first that the logs do record requests.
    assert '"GET /invitations/… HTTP/1.1"' in logs["site.log"]
    assert "POST /api/v1/enrolments" in logs["site.log"]
    assert "GET /live/fleet" in logs["live.log"]
    for name, text in logs.items():
        for secret in secrets:
            lines = [line for line in text.splitlines() if secret in line]
            assert lines == [], (name, lines[:3])


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/stations/SG-0001RPI40001/data/?series=a", "/stations/SG-0001RPI40001/data/"),
        (
            "/api/v1/stations/SG-0001RPI40001/series/a%2Fb:temp/readings",
            "/api/v1/stations/SG-0001RPI40001/series/a/b:temp/readings",
        ),
        ("/organizations/old-cut/members/", "/organizations/old-cut/members/"),
        (f"/invitations/{CODE}", "/invitations/…"),
        (f"/accounts/password/reset/1a-{CODE}/", "/accounts/password/reset/…-…/"),
        ("/.env", "/.env"),
        ("/wp-admin/setup.php", "/wp-admin/…"),
        ("/static/site.css?v=1", "/static/site.css"),
        ("/a%0d%0aINFO: all is well", "/a%0D%0AINFO:%20all%20is%20well"),
    ],
)
def test_what_a_line_shows_is_still_of_use(path, shown):
    assert path_shown(path) == shown


def test_logs_are_for_their_owner_only(tmp_path):
    paths = Paths(tmp_path / "var")
    paths.create()
    program = Program(name="speaks", command=("/bin/echo", "words"), environment={}, directory=tmp_path)
    assert program_launch(program, logs=paths.logs).wait(PATIENCE_S) == 0
    log = paths.logs / "speaks.log"
    assert log.read_text() == "words\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.logs.stat().st_mode) == 0o700
    # Logs of an earlier Roost are also made private.
    log.chmod(0o644)
    paths.create()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
