"""Many stations at once: each with its own check, its own entry in the log, and its own outcome."""

from datetime import timedelta

import pytest
from people import person, station_of

from fleet.core import clock
from fleet.core.errors import InvalidInput
from fleet.core.models import AuditEntry
from fleet.organizations.access import Role, viewer_of_user
from fleet.stations import many
from fleet.stations.contact.maintenance import maintenance_sweep
from fleet.stations.many import many_group, many_maintenance, many_tag
from fleet.stations.models import Station, StationGroup, Tag
from fleet.stations.sorting.tags import station_tags_set

pytestmark = pytest.mark.django_db


@pytest.fixture
def both(institute, elsewhere):
    """Somebody who may operate the institute's stations, and only view those of another organization."""
    return viewer_of_user(person("both", (institute, Role.OPERATOR), (elsewhere, Role.VIEWER)))


@pytest.fixture
def stations(institute, elsewhere):
    return [*(station_of(institute) for _ in range(3)), station_of(elsewhere)]


def logged(action):
    return sorted(AuditEntry.objects.filter(action=action).values_list("subject", flat=True))


def said(outcomes):
    return [(outcome.is_done, outcome.sentence) for outcome in outcomes]


def test_a_tag_is_added_and_removed_and_the_others_stay(both, stations):
    station_tags_set(actor=both, station=stations[0], names=["Solar", "coast"])
    outcomes = many_tag(actor=both, stations=stations, name="solar", is_added=True)
    refusal = f"You need the operator role to change {stations[3].serial}."
    assert said(outcomes) == [(True, "It already had this tag."), (True, ""), (True, ""), (False, refusal)]
    assert logged("station.tags") == sorted(station.serial for station in stations[:3])
    assert set(stations[0].tags.values_list("name", flat=True)) == {"Solar", "coast"}
    many_tag(actor=both, stations=stations, name="SOLAR", is_added=False)
    assert list(Tag.objects.values_list("name", flat=True)) == ["coast"]


def test_a_tag_that_cannot_be_is_refused_before_anything_changes(both, stations):
    with pytest.raises(InvalidInput):
        many_tag(actor=both, stations=stations, name="a,b", is_added=True)
    full = [f"t{number}" for number in range(20)]
    station_tags_set(actor=both, station=stations[0], names=full)
    outcomes = many_tag(actor=both, stations=stations[:2], name="one more", is_added=True)
    assert said(outcomes) == [(False, "A station can have at most 20 tags."), (True, "")]


def test_a_group_takes_only_stations_of_its_organization(institute, both, stations):
    group = StationGroup.objects.create(organization=institute, name="Coast")
    outcomes = many_group(actor=both, stations=stations, group=group, is_added=True)
    assert [outcome.is_done for outcome in outcomes] == [True, True, True, False]
    assert "different organization" in outcomes[3].sentence
    assert group.members.count() == 3
    again = many_group(actor=both, stations=stations[:1], group=group, is_added=True)
    assert said(again) == [(True, "It was already in this group.")]
    assert len(logged("group.add")) == 3, "nothing changed, nothing logged"


def test_maintenance_ends_by_itself_and_the_log_says_so(both, stations):
    moment = clock.now()
    until = moment + timedelta(hours=2)
    outcomes = many_maintenance(actor=both, stations=stations, is_on=True, until=until)
    assert [outcome.is_done for outcome in outcomes] == [True, True, True, False]
    assert maintenance_sweep(moment + timedelta(hours=1)) == 0
    assert maintenance_sweep(until) == 3
    assert logged("station.maintenance_over") == sorted(station.serial for station in stations[:3])
    assert not Station.objects.filter(is_in_maintenance=True).exists()


def test_more_than_people_wait_for_is_refused_at_once(both, stations, monkeypatch):
    monkeypatch.setattr(many, "MANY_MOST", 2)
    with pytest.raises(InvalidInput, match="At most 2 stations"):
        many_tag(actor=both, stations=stations, name="solar", is_added=True)
    assert not Tag.objects.exists()
