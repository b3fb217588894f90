"""Tags of the projects at Motus: detections carry their names, and unknown ones have a list of their own."""

from datetime import timedelta

import pytest
from people import person, station_of

from fleet.core import clock
from fleet.organizations.access import Role, viewer_of_user
from fleet.sync.adapters.clients import motus as motus_client
from fleet.sync.models import MotusTag
from fleet.sync.motus.accounts import account_forget, account_of, account_save
from fleet.sync.motus.runs import account_run
from fleet.sync.motus.tags import tag_names, tags_heard, tags_read
from fleet.telemetry.models import TagHour

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    monkeypatch.setattr(motus_client, "_backing_off", lambda _state: 0.01)


def row(number, code, **fields):
    return {
        "id": number, "projectID": 1, "mfgID": code, "type": "ID", "manufacturer": "CTT", "model": "LifeTag",
        "nomFreq": 434.0, "deployID": 9, "tsStart": 1.7e9, "tsEnd": None, "speciesID": 16640, **fields,
    }  # fmt: skip


@pytest.fixture
def read(motus, owner, institute):
    account_save(actor=owner, organization=institute, login="warbler", password="plain-password", project_ids=[])
    motus.table_set("receiver/sensordeployments", [])
    motus.table_set("species", [{"id": 16640, "english": "Swainson's Thrush"}, {"id": 2, "scientific": "Calidris"}])

    def run(*rows):
        motus.table_set("tags/search", list(rows))
        account_run(organization_id=institute.pk)
        return account_of(institute)

    return run


def heard(station, tag, count=5):
    at = clock.now() - timedelta(hours=3)
    hour = at.replace(minute=0, second=0, microsecond=0)
    TagHour.objects.create(station=station, hour=hour, port=1, tag=tag, count=count, first_at=at, last_at=at)


def test_tags_are_kept_with_their_species(read):
    account = read(
        row(1.0, "78664c33"), row("2", "2B194B07", speciesID=2), row(3, "61", speciesID=None), row(4, "62", speciesID=7)
    )
    assert account.tags_answer == "4 tags read."
    assert list(MotusTag.objects.order_by("number").values_list("match_name", "name")) == [
        ("78664C33", "Swainson's Thrush #1"),
        ("2B194B07", "Calidris #2"),
        ("61", "#3"),
        ("62", "#4"),
    ]


def test_a_tag_deployed_twice_is_one_and_has_the_newest_species(read):
    read(row(1, "A", tsStart=1.7e9), row(1, "A", tsStart=1.6e9, speciesID=2))
    assert MotusTag.objects.get().name == "Swainson's Thrush #1"
    answer = read(row(1, "A", tsStart=1.7e9), row(1, "A", tsStart="soon"), row(2, "B", speciesID="bird")).tags_answer
    assert answer == (
        "2 tags read. Further deployments of the same tags: 1; the last one counts. Figures and times that cannot be read: "
        "2; they are missing."
    )


def test_codes_that_two_tags_share_have_both_names(read, owner):
    read(row(1, "61"), row(2, "61", speciesID=2))
    assert tag_names(viewer=owner, tags=["61"]) == {"61": "Swainson's Thrush #1, Calidris #2"}


def test_rows_without_number_or_code_are_counted(read):
    assert (
        read(row(1, ""), row("x", "A"), row(3, "B"), "no row").tags_answer
        == "1 tag read. Rows without a number or code, skipped: 3."
    )


@pytest.mark.parametrize(
    ("faults", "sentence"),
    [
        ({"html": True}, "a web page instead of data"),
        ({"empty": True}, "listed no tags, though it had some before"),
        ({"lost_project": 1}, "does not let the login read project 1"),
        ({"truncated": True}, "cut off"),
    ],
)
def test_a_reading_that_fails_changes_nothing_and_says_why(motus, read, institute, faults, sentence):
    read(row(1, "A"))
    motus.faults_set(**faults)
    tags_read(account=account_of(institute))
    assert sentence in account_of(institute).tags_answer
    assert MotusTag.objects.count() == 1


def test_names_are_shown_beside_tags_to_members_only(read, institute, elsewhere, owner, client):
    read(row(1, "78664c33"))
    station, theirs = station_of(institute), station_of(elsewhere)
    for each in (station, theirs):
        heard(each, "78664C33")
    client.force_login(owner.user)
    for place in (f"/stations/{station.serial}/detections/", "/detections/"):
        assert "Swainson&#x27;s Thrush #1" in client.get(place).content.decode()
    stranger = person("outsider", (elsewhere, Role.OWNER))
    client.force_login(stranger)
    for place in (f"/stations/{theirs.serial}/detections/", "/detections/"):
        page = client.get(place).content.decode()
        assert "78664C33" in page
        assert "Thrush" not in page
    assert tag_names(viewer=viewer_of_user(stranger), tags=["78664C33"]) == {}


def test_nothing_is_called_unknown_before_the_tags_were_read(institute, owner, client):
    heard(station_of(institute), "4D000003")
    client.force_login(owner.user)
    page = client.get(f"/organizations/{institute.slug}/motus/tags/").content.decode()
    assert "have not been read from Motus yet" in page
    assert "4D000003" not in page


def test_unknown_tags_are_a_list_of_their_own(read, institute, elsewhere, owner, client, django_assert_max_num_queries):
    read(row(1, "78664c33"))
    station = station_of(institute)
    for number in range(30):
        heard(station, f"4D{number:06X}", 9)
    heard(station, "78664c33")
    heard(station, "NOISE", 1)
    heard(station_of(elsewhere), "FOREIGN")
    found = tags_heard(organization=institute)
    assert [name for _row, name in found.known] == ["Swainson's Thrush #1"]
    assert len(found.unknown) == 30
    client.force_login(owner.user)
    with django_assert_max_num_queries(20):
        page = client.get(f"/organizations/{institute.slug}/motus/tags/").content.decode()
    assert "4D000003" in page
    assert "FOREIGN" not in page
    assert "Swainson&#x27;s Thrush #1" in page


def test_forgetting_the_login_forgets_the_tags(read, institute, owner):
    read(row(1, "A"))
    account_forget(actor=owner, organization=institute)
    assert not MotusTag.objects.exists()
