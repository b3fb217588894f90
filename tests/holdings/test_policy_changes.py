"""Orders for files are withdrawn when the policy changes, even while a file is being uploaded."""

import os
from datetime import timedelta

import pytest
from agent.test_fetching import make_fleet, root, site, stored, write
from holdings.test_asking import held_make, station
from people import SERVER, institute

from fleet.commands.models import Command
from fleet.core import clock
from fleet.holdings import fetching
from fleet.holdings.fetching import station_fetch
from fleet.holdings.models import HeldFile
from fleet.holdings.policy import FetchRule, policy_set, rule_of_station
from fleet.holdings.selectors import held_list
from fleet.stations.models import StationContact
from message_queue.contracts.commands.upload_files import WITHDRAWN
from station_agent.manifest import uploading
from station_agent.uploads import tus

__all__ = ["institute", "make_fleet", "root", "site", "station"]

pytestmark = pytest.mark.django_db(transaction=True)


def asked(station, rule, *, moment=None):
    """Set a policy and run once; return the parameters of the last command."""
    policy_set(actor=SERVER, owner=station, rule=rule)
    station_fetch(station=station, moment=moment or clock.now())
    return Command.objects.latest("issued_at").parameters


def states(station):
    rows = held_list(station=station, rule=rule_of_station(station))
    return dict(rows.values_list("path", "state"))


@pytest.fixture
def two(station):
    """Two files that the station was asked for, one of them because a person chose it."""
    held_make(station, "a.bin")
    held_make(station, "b.bin", wanted_at=clock.now(), wanted_by_name="olga")
    assert station_fetch(station=station, moment=clock.now()) == 2
    assert states(station) == {"a.bin": "asked", "b.bin": "asked"}
    return station


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        (FetchRule(mode="none"), {"a.bin": "kept", "b.bin": "kept"}),
        (None, {"a.bin": "kept", "b.bin": "kept"}),
        (FetchRule(mode="demand"), {"a.bin": "kept", "b.bin": "asked"}),
    ],
)
def test_what_the_policy_no_longer_wants_is_withdrawn_once(two, rule, left):
    parameters = asked(two, rule)
    assert {file["path"] for file in parameters["files"]} == {path for path, each in left.items() if each == "kept"}
    assert parameters["until"] == WITHDRAWN
    assert states(two) == left
    station_fetch(station=two, moment=clock.now())
    assert Command.objects.count() == 2


def test_another_network_is_asked_for_after_the_order_is_withdrawn(two):
    parameters = asked(two, FetchRule(mode="all", networks=("wifi",)))
    assert [one.parameters["until"] == WITHDRAWN for one in Command.objects.order_by("issued_at")] == [
        False, True, False,
    ]  # fmt: skip
    assert (parameters["networks"], len(parameters["files"])) == (["wifi"], 2)
    assert states(two) == {"a.bin": "asked", "b.bin": "asked"}


def test_hours_that_are_over_now_withdraw_too(two):
    moment = clock.now().replace(hour=12, minute=0)
    HeldFile.objects.update(asked_at=moment - timedelta(hours=1), asked_until=moment + timedelta(hours=20))
    hour = moment.hour
    parameters = asked(two, FetchRule(mode="all", hour_from=(hour + 6) % 24, hour_to=(hour + 7) % 24), moment=moment)
    assert parameters["until"] == WITHDRAWN


def test_a_policy_that_stays_withdraws_nothing(two):
    station_fetch(station=two, moment=clock.now())
    policy_set(actor=SERVER, owner=two, rule=FetchRule(mode="all", is_newest_first=False, octets_per_day=10**6))
    station_fetch(station=two, moment=clock.now())
    assert Command.objects.count() == 1


def test_a_station_without_a_policy_is_looked_at_while_it_has_orders(two):
    StationContact.objects.update(hello={"commands": ["upload_files"]})
    policy_set(actor=SERVER, owner=two, rule=None)
    assert fetching._stations_in_turn() == [two.pk]
    station_fetch(station=two, moment=clock.now())
    assert fetching._stations_in_turn() == []


@pytest.mark.usefixtures("services")
def test_a_file_on_its_way_stops_when_it_is_withdrawn(make_fleet, root, monkeypatch):
    write(root / "large.bin", os.urandom(3_000_000))
    fleet = make_fleet(root.parent)
    fleet.say()
    policy_set(actor=SERVER, owner=fleet.station, rule=FetchRule(mode="all"))
    assert fleet.ask() == 1
    monkeypatch.setattr(uploading, "LOOK_S", 0.0)
    usual, told = tus.Uploader._body, []

    def body(self, *words):
        for piece in usual(self, *words):
            if not told:
                told.append(1)
                policy_set(actor=SERVER, owner=fleet.station, rule=FetchRule(mode="none"))
                fleet.ask()
            yield piece

    monkeypatch.setattr(tus.Uploader, "_body", body)
    fleet.upload()
    assert stored(fleet.station) == set()
    fleet.upload()
    fleet.say()
    assert (HeldFile.objects.get().end, fleet.states()) == ("expired", {"kept": 1})
    # Wanted again, the upload goes on after the bytes that have arrived.
    policy_set(actor=SERVER, owner=fleet.station, rule=FetchRule(mode="all"))
    assert fleet.ask() == 1
    fleet.upload()
    assert len(stored(fleet.station)) == 1
