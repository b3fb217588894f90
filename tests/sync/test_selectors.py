"""Synchronisation as pages show it: sentences, runs, and changes within the viewer's own organizations."""

import pytest
from django.contrib.auth.models import User

from fleet.core.errors import Forbidden, TooMany
from fleet.core.models import AuditEntry, OutboxMessage
from fleet.organizations.access import Role, Viewer
from fleet.sync import services
from fleet.sync.selectors import changes, links_of, runs, systems
from fleet.sync.services import sync_ask, sync_run

pytestmark = pytest.mark.django_db


def viewer(station, role=Role.VIEWER):
    return Viewer(user=None, name="somebody", roles={station.organization_id: role})


@pytest.fixture
def two_with_changes(motus, make_row, make_station):
    ours, theirs = make_station("SG-1"), make_station("sg-2", organization="Strangers")
    motus.rows_set([make_row(1, "sg-1"), make_row(2, "SG-2"), make_row(3, "SG-3")])
    sync_run(system="motus", started_by="owner")
    motus.rows_set([make_row(n, f"SG-{n}", deploymentName="Weir") for n in (1, 2, 3)])
    sync_run(system="motus", started_by="owner")
    return ours, theirs


def test_changes_are_those_of_the_own_stations(two_with_changes):
    ours, theirs = two_with_changes
    assert {change.station for change in changes(viewer=viewer(ours))} == {ours}
    assert {change.station for change in changes(viewer=viewer(theirs))} == {theirs}
    everything = changes(viewer=Viewer(user=None, name="root", roles={}, sees_all=True))
    assert {change.serial for change in everything} == {"SG-1", "SG-2", "SG-3"}
    assert changes(viewer=Viewer(user=None, name="nobody", roles={})) == []


def test_a_change_is_a_sentence(two_with_changes):
    ours, _ = two_with_changes
    assert "deploymentName changed from Heron Point to Weir (at Weir)." in [
        change.sentence for change in changes(viewer=viewer(ours))
    ]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Motus lists SG-1 as active at Heron Point, since 19 Nov 2016 (checked"),
        (
            {"deploymentStatus": None, "deploymentName": None, "dtStart": None},
            "as without a status at an unnamed place, without a start date",
        ),
        ({"deploymentStatus": "Lost at sea"}, "as Lost at sea at Heron Point"),
    ],
)
def test_a_link_is_a_sentence(motus, make_row, make_station, fields, sentence):
    station = make_station("SG-1")
    motus.rows_set([make_row(1, "SG-1", **fields)])
    sync_run(system="motus", started_by="owner")
    assert sentence in links_of(station=station)[0].sentence


def test_systems_show_the_last_check_and_the_last_good_one(motus):
    good = sync_run(system="motus", started_by="owner")
    motus.faults_set(html=True)
    bad = sync_run(system="motus", started_by="owner")
    (view,) = systems()
    assert (view.last, view.succeeded) == (bad, good)
    assert list(runs(limit=1)) == [bad]


def test_the_button_asks_for_a_job_and_is_audited(make_station):
    station = make_station("SG-1")
    user = User.objects.create_user("owner")
    asking = Viewer(user=user, name="owner", roles={station.organization_id: Role.OWNER})
    sync_ask(viewer=asking, system="motus")
    message = OutboxMessage.objects.get()
    assert (message.target, message.routing_key) == ("job", "sync.run_system")
    assert message.body == {"system": "motus", "started_by": "owner"}
    assert AuditEntry.objects.get().actor == user


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_only_owners_press_the_button(make_station, role):
    with pytest.raises(Forbidden):
        sync_ask(viewer=viewer(make_station("SG-1"), role), system="motus")
    assert not OutboxMessage.objects.exists()


def test_the_button_waits_a_moment_after_a_check(motus, make_station, monkeypatch):
    owner = viewer(make_station("SG-1"), Role.OWNER)
    sync_run(system="motus", started_by="owner")
    with pytest.raises(TooMany):
        sync_ask(viewer=owner, system="motus")
    monkeypatch.setattr(services, "BUTTON_PAUSE", services.BUTTON_PAUSE * 0)
    sync_ask(viewer=owner, system="motus")
