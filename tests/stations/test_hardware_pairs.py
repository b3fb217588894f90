"""Boards and cards of a station: a swap raises a question, and either answer keeps the history."""

from datetime import timedelta

import pytest
from people import station_of

from fleet.core import clock
from fleet.core.errors import Conflict, Forbidden, NotFound
from fleet.stations.life import hardware
from fleet.stations.life.hardware import (
    SaidHardware,
    pair_another,
    pair_get,
    pair_list,
    pair_same,
    pairs_note,
    swap_asked,
    swap_sentence,
)
from fleet.stations.logins.enrolment import enrolment_token_create, station_enrol
from fleet.stations.models import Credential, HardwarePair, Station, StationContact

pytestmark = pytest.mark.django_db


@pytest.fixture
def station(institute):
    return station_of(institute, state="on_time", name="Old Cut")


@pytest.fixture
def spoke(station):
    """Report this board and card for the station, each time a minute later."""
    moments = iter(clock.now() - timedelta(hours=1) + timedelta(minutes=n) for n in range(500))

    def say(machine, card, of=None):
        said = SaidHardware((of or station).pk, machine, card, "Pi 4")
        pairs_note(said=[said], moment=next(moments))
        return HardwarePair.objects.get(station=of or station, machine=machine, card_key=card)

    return say


def test_the_first_pair_is_known_and_every_hello_moves_its_last_moment(station, spoke):
    first = spoke("m1", "c1")
    again = spoke("m1", "c1")
    assert (again.pk, again.state) == (first.pk, "known")
    assert again.first_seen_at < again.last_seen_at
    assert swap_asked(station=station) is None


@pytest.mark.parametrize(
    ("machine", "card", "words"),
    [
        ("m2", "c1", "different board with the same card"),
        ("m1", "c2", "different card in the same board"),
        ("m2", "c2", "different board with a different card"),
    ],
)
def test_a_swap_is_asked_about_in_its_own_words(station, spoke, machine, card, words):
    spoke("m1", "c1")
    pair = spoke(machine, card)
    assert swap_asked(station=station) == pair
    assert words in swap_sentence(pair=pair, moment=clock.now())


def test_an_agent_that_could_not_say_one_of_them_is_no_swap(station, spoke):
    spoke("", "c1")
    assert spoke("m1", "c1").state == "known"
    assert spoke("m1", "").state == "known"
    pairs_note(said=[SaidHardware(station.pk, "", "", "")], moment=clock.now())
    assert pair_list(station=station).count() == 3
    assert spoke("m2", "c2").state == "asked"


def test_one_station_s_hardware_says_nothing_of_another_s(institute, station, spoke):
    other = station_of(institute)
    spoke("m1", "c1")
    assert spoke("m2", "c2", of=other).state == "known"
    with pytest.raises(NotFound):
        pair_get(station=other, pair_id=HardwarePair.objects.get(station=station).pk)


def test_a_station_that_reports_another_card_each_time_stores_a_limited_number(station, spoke, monkeypatch):
    monkeypatch.setattr(hardware, "PAIRS_MOST", 5)
    for n in range(5):
        spoke("m1", f"c{n}")
    pairs_note(said=[SaidHardware(station.pk, "m1", "c99", "")], moment=clock.now())
    assert pair_list(station=station).count() == 5
    moment = clock.now() + timedelta(days=1)
    pairs_note(said=[SaidHardware(station.pk, "m1", "c0", "")], moment=moment)
    assert HardwarePair.objects.get(card_key="c0").last_seen_at == moment


def test_the_same_station_goes_on_and_is_not_asked_again(station, spoke, operator, viewer):
    spoke("m1", "c1")
    pair = spoke("m2", "c1")
    with pytest.raises(Forbidden):
        pair_same(actor=viewer, pair=pair)
    pair_same(actor=operator, pair=pair)
    assert spoke("m2", "c1").state == "same"
    assert swap_asked(station=station) is None
    # A card is known together with the board that it was in.
    assert spoke("m2", "").state == "known"
    with pytest.raises(Conflict):
        pair_same(actor=operator, pair=pair)
    with pytest.raises(Conflict):
        pair_another(actor=operator, pair=pair)


def test_a_new_station_goes_on_under_the_serial_and_the_history_stays(station, spoke, operator, transactional_db):
    grant = station_enrol(
        serial=station.serial, token=enrolment_token_create(station=station, actor=operator), hardware={}
    )
    spoke("m1", "c1")
    pair = spoke("m2", "c2")
    serial = station.serial
    successor = pair_another(actor=operator, pair=pair)
    station.refresh_from_db()
    assert (successor.serial, station.serial) == (serial, f"{serial}~1")
    assert station.retired_at is not None
    assert successor.organization == station.organization
    # The device continues with its login.
    assert Credential.objects.get(username=grant.username).station == successor
    assert list(pair_list(station=successor).values_list("machine", "state")) == [("m2", "known")]
    assert list(pair_list(station=station).values_list("machine", "state")) == [("m2", "another"), ("m1", "known")]
    assert StationContact.objects.get(station=successor).state == "on_time"


def test_only_the_pair_that_speaks_now_can_be_a_new_station(station, spoke, operator):
    spoke("m1", "c1")
    pair = spoke("m2", "c2")
    spoke("m1", "c1")
    with pytest.raises(Conflict):
        pair_another(actor=operator, pair=pair)
    assert Station.objects.count() == 1
