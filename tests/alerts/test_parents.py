"""Stations behind a silent gateway are named in its message, and told on their own only if silent when it is back."""

from datetime import UTC, datetime

import pytest
from alerts.grouped import MINUTE, fall_silent, held, look, look_and_die, now, opened, queries_of, text_of

from fleet.alerts.models import Incident, Notification
from fleet.alerts.services import silence_sweep
from fleet.core.errors import Forbidden, InvalidInput
from fleet.core.models import AuditEntry, OutboxMessage, Pulse
from fleet.organizations.access import viewer_of_user
from fleet.stations.life.succession import station_succeed
from fleet.stations.models import Station
from fleet.stations.parents import CHAIN_MOST, parents_part, station_parent_set
from fleet.stations.services import station_change

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ready(smtp, listening):
    """Set up a mail server, and a pulse of ingest."""


@pytest.fixture
def gate(member, make_station):
    """A gateway in contact."""
    return make_station("SG-GATE", name="Gate")


@pytest.fixture
def behind(gate, make_station):
    """Two stations behind the gateway, in contact, and so many others that no silence looks like a shared failure."""
    for _ in range(8):
        make_station()
    return [make_station(f"SG-{name}", name=name, parent=gate) for name in ("Bog", "Fen")]


class TestSetting:
    @pytest.fixture
    def actor(self, make_member):
        return viewer_of_user(make_member("op@example.org", role="operator", is_alerted=False))

    def test_a_station_gets_and_loses_a_parent_and_both_are_written_down(self, actor, gate, make_station):
        station = make_station("SG-1")
        station_change(actor=actor, station=station, parent=gate)
        assert Station.objects.get(pk=station.pk).parent == gate
        station_change(actor=actor, station=station, parent=None)
        assert Station.objects.get(pk=station.pk).parent is None
        details = AuditEntry.objects.filter(action="station.parent").order_by("pk").values_list("detail", flat=True)
        assert [(one["parent"], one["was"]) for one in details] == [("SG-GATE", ""), ("", "SG-GATE")]

    def test_circles_are_refused(self, actor, gate, make_station):
        middle = make_station("SG-MID", parent=gate)
        end = make_station("SG-END", parent=middle)
        with pytest.raises(InvalidInput, match="SG-END is itself behind SG-GATE: that would be a loop"):
            station_parent_set(actor=actor, station=gate, parent=end)
        with pytest.raises(InvalidInput, match="its own gateway"):
            station_parent_set(actor=actor, station=gate, parent=gate)

    def test_long_chains_are_refused_from_both_ends(self, actor, make_station):
        chain = [make_station("SG-0")]
        for n in range(1, CHAIN_MOST):
            chain.append(make_station(f"SG-{n}", parent=chain[-1]))
        with pytest.raises(InvalidInput, match="can have at most 4 stations"):
            station_parent_set(actor=actor, station=make_station("SG-LAST"), parent=chain[-1])
        with pytest.raises(InvalidInput, match="can have at most 4 stations"):
            station_parent_set(actor=actor, station=chain[0], parent=make_station("SG-FIRST"))

    def test_stations_of_others_and_retired_ones_are_refused(self, actor, make_station, make_organization):
        station = make_station("SG-1")
        with pytest.raises(InvalidInput, match="another organization"):
            station_parent_set(actor=actor, station=station, parent=make_station(of=make_organization("Others")))
        with pytest.raises(InvalidInput, match="retired"):
            station_parent_set(actor=actor, station=station, parent=make_station(retired_at=now()))

    def test_what_is_behind_a_serial_stays_behind_it_when_a_new_station_has_it(self, gate, make_station):
        child = make_station("SG-1", parent=gate)
        successor = station_succeed(station=gate, organization=gate.organization, moment=now())
        assert Station.objects.get(pk=child.pk).parent == successor

    def test_a_station_that_leaves_takes_no_relation_along(self, gate, make_station, make_organization):
        middle = make_station("SG-MID", parent=gate)
        child = make_station("SG-1", parent=middle)
        station_succeed(station=middle, organization=make_organization("Others"), moment=now())
        assert Station.objects.get(pk=child.pk).parent is None
        assert Station.objects.get(serial="SG-MID").parent is None
        parents_part(station=gate)
        assert not Station.objects.exclude(parent=None).filter(parent=gate).exists()

    def test_a_viewer_cannot_set_a_gateway(self, member, gate, make_station):
        with pytest.raises(Forbidden):
            station_parent_set(actor=viewer_of_user(member), station=make_station(), parent=gate)


def test_the_gateways_message_names_what_is_behind_it_and_nothing_else_is_sent(smtp, gate, behind):
    fall_silent(gate, *behind)
    for _ in range(3):
        look()
    assert smtp.subjects == ["Silent: Gate (SG-GATE)"]
    text = text_of(smtp.taken[0])
    assert "Also silent because their gateway is, without messages of their own: 2 stations.\n* Bog (SG-Bog)\n" in text
    assert "\n* Fen (SG-Fen)\n" in text
    assert Incident.objects.filter(closed_at=None).count() == 3
    row = held("parent")
    assert [(one.held_by, one.recipient) for one in row] == [(opened(gate), "ana@example.org")]
    assert set(row[0].incidents.all()) == {opened(station) for station in behind}


def test_what_falls_silent_later_behind_it_is_not_told(smtp, gate, behind):
    fall_silent(gate)
    look()
    fall_silent(*behind)
    look()
    assert smtp.subjects == ["Silent: Gate (SG-GATE)"]
    assert {opened(station).held_by for station in behind} == {opened(gate)}


def test_when_the_gateway_is_back_what_is_still_silent_is_told_once(smtp, gate, behind, hear):
    bog, fen = behind
    fall_silent(gate, *behind)
    look()
    hear(gate, fen)
    for _ in range(3):
        look()
    assert smtp.subjects == ["Silent: Gate (SG-GATE)", "Back: Gate (SG-GATE)", "Silent: Bog (SG-Bog)"]
    hear(bog)
    look()
    assert smtp.subjects[3:] == ["Back: Bog (SG-Bog)"]


def test_a_worker_that_dies_tells_nothing_twice(smtp, gate, behind, hear):
    fall_silent(gate, *behind)
    look_and_die()
    assert not Incident.objects.exists()
    look()
    hear(gate)
    look_and_die()
    assert {opened(station).held_by_id for station in behind} != {None}
    look()
    look()
    assert smtp.subjects == [
        "Silent: Gate (SG-GATE)",
        "Back: Gate (SG-GATE)",
        "Silent: 2 stations of Old Cut Observatory",
    ]


def test_what_waits_to_be_told_is_held_when_its_gateway_falls_silent_too(smtp, gate, behind, settings):
    settings.ROOST_ALERT_GROUP_WAIT_S = 10.0
    fall_silent(*behind)
    silence_sweep()
    fall_silent(gate)
    silence_sweep()
    settings.ROOST_ALERT_GROUP_WAIT_S = 0.0
    Notification.objects.filter(state="pending").update(due_at=now())
    look()
    assert smtp.subjects == ["Silent: Gate (SG-GATE)"]
    assert {opened(station).held_by for station in behind} == {opened(gate)}
    assert sorted(one.state for one in Notification.objects.all()) == ["held", "merged", "sent"]


def test_what_was_told_before_keeps_its_own_end(smtp, gate, behind, hear):
    bog, _fen = behind
    fall_silent(bog)
    look()
    fall_silent(gate)
    look()
    assert opened(bog).held_by is None
    hear(bog)
    look()
    assert smtp.subjects == ["Silent: Bog (SG-Bog)", "Silent: Gate (SG-GATE)", "Back: Bog (SG-Bog)"]


def test_a_gateway_that_falls_silent_again_holds_again(smtp, gate, behind, hear):
    fall_silent(gate, *behind)
    look()
    hear(gate)
    fall_silent(gate)
    look()
    assert smtp.subjects.count("Silent: Gate (SG-GATE)") == 2
    assert {opened(station).held_by for station in behind} == {opened(gate)}
    assert not [subject for subject in smtp.subjects if "stations" in subject]


def test_in_a_row_each_is_held_by_the_next(smtp, gate, behind, make_station, hear):
    end = make_station("SG-END", name="End", parent=behind[0])
    fall_silent(gate, behind[0], end)
    look()
    assert opened(end).held_by == opened(behind[0])
    assert "* Bog (SG-Bog)\n* End (SG-END)" in text_of(smtp.taken[0])
    hear(gate)
    look()
    assert smtp.subjects[2:] == ["Silent: Bog (SG-Bog)"]
    assert "* End (SG-END)" in text_of(smtp.taken[2])


@pytest.mark.parametrize("fields", [{"is_in_maintenance": True}, {"asleep_until": datetime(2999, 1, 1, tzinfo=UTC)}])
def test_a_gateway_whose_silence_is_planned_holds_nothing(smtp, gate, behind, fields):
    Station.objects.filter(pk=gate.pk).update(**fields)
    fall_silent(gate, behind[0])
    look()
    assert smtp.subjects == ["Silent: Bog (SG-Bog)"]


def test_a_gateway_put_into_maintenance_lets_go(smtp, gate, behind):
    fall_silent(gate, behind[0])
    look()
    Station.objects.filter(pk=gate.pk).update(is_in_maintenance=True)
    look()
    look()
    assert smtp.subjects == ["Silent: Gate (SG-GATE)", "Silent: Bog (SG-Bog)"]


def test_a_station_taken_from_its_gateway_is_told(smtp, gate, behind):
    fall_silent(gate, behind[0])
    look()
    Station.objects.filter(pk=behind[0].pk).update(parent=None)
    look()
    look()
    assert smtp.subjects == ["Silent: Gate (SG-GATE)", "Silent: Bog (SG-Bog)"]


def test_a_gateway_that_was_erased_holds_nothing(smtp, gate, behind):
    fall_silent(gate, behind[0])
    look()
    incident = opened(gate)
    Station.objects.filter(pk=gate.pk).update(retired_at=now())
    Notification.objects.update(held_by=None)
    Notification.incidents.through.objects.filter(incident=incident).delete()
    Incident.objects.filter(pk=incident.pk)._raw_delete("default")
    look()
    assert smtp.subjects == ["Silent: Gate (SG-GATE)", "Silent: Bog (SG-Bog)"]


def test_our_own_downtime_lets_go_of_nothing(smtp, gate, behind, hear):
    fall_silent(gate, *behind)
    look()
    hear(gate)
    Pulse.objects.update(beat_at=now() - 10 * MINUTE)
    assert silence_sweep() == (0, 0)
    assert {opened(station).held_by_id for station in behind} != {None}


def test_the_number_of_queries_does_not_grow_with_the_stations(gate, make_station, hear):
    counted = []
    for number in (10, 60):
        children = [make_station(parent=gate) for _ in range(number)]
        fall_silent(gate, *children)
        OutboxMessage.objects.all().delete()
        counted.append(queries_of(silence_sweep))
        assert Incident.objects.filter(held_by=opened(gate)).count() == number
        hear(gate, *children)
        look()
        Station.objects.filter(parent=gate).update(retired_at=now())
    assert counted[0] == counted[1]
