"""Files whose upload would only fail again are not asked for, and a station without wanted files is not read again."""

import hashlib
from datetime import timedelta

import pytest
from django.db import OperationalError
from people import SERVER, institute, station_of

from fleet.commands.models import Command
from fleet.core import clock
from fleet.holdings import fetching
from fleet.holdings.fetching import station_fetch
from fleet.holdings.handover import holdings_hand_over
from fleet.holdings.models import HeldFile, StationHolding
from fleet.holdings.policy import FetchRule, policy_set, rule_of_station
from fleet.holdings.selectors import held_list

__all__ = ["institute"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def station(institute):
    """A station that has reported its files; the policy is to fetch all of them."""
    station, now = station_of(institute), clock.now()
    StationHolding.objects.create(
        station=station, said_at=now, said_stream="s", said_seq=1, received_at=now, held=1, held_octets=1, waiting=0,
        waiting_octets=0,
    )  # fmt: skip
    policy_set(actor=SERVER, owner=station, rule=FetchRule(mode="all"))
    return station


def held_make(station, path: str, **more) -> HeldFile:
    told = {"said_at": clock.now(), "said_stream": "s", "said_seq": 1, "listing": 1, "first_told_at": clock.now()}
    sha256 = hashlib.sha256(path.encode()).hexdigest()
    return HeldFile.objects.create(station=station, path=path, octets=1, sha256=sha256, **told, **more)


def state_of(station) -> str:
    return held_list(station=station, rule=rule_of_station(station)).get().state


@pytest.mark.parametrize("end", ["refused", "changed", "gone"])
def test_a_file_whose_upload_failed_for_a_lasting_reason_is_asked_for_again_after_a_day(station, end):
    now = clock.now()
    held_make(station, "a.bin", end=end, ended_at=now - timedelta(minutes=1))
    assert state_of(station) == "refused"
    assert [station_fetch(station=station, moment=now) for _ in range(3)] == [0, 0, 0]
    assert not Command.objects.exists()
    assert station_fetch(station=station, moment=now + timedelta(days=1)) == 1


def test_a_station_with_nothing_to_ask_for_is_not_read_again_until_something_changes(station, monkeypatch):
    now, looks, usual = clock.now(), [], fetching._next_files
    monkeypatch.setattr(fetching, "_next_files", lambda *words: looks.append(1) or usual(*words))
    assert [station_fetch(station=station, moment=now) for _ in range(3)] == [0, 0, 0]
    assert len(looks) == 1
    held_make(station, "a.bin")
    StationHolding.objects.update(received_at=now + timedelta(seconds=1))
    assert station_fetch(station=station, moment=now) == 1
    assert len(looks) == 2


def test_the_trouble_of_one_station_is_not_that_of_the_others(institute, station, monkeypatch, caplog):
    other = station_of(institute)
    served: list[int] = []

    def fetch(*, station, moment):
        served.append(station.pk)
        if len(served) == 1:
            raise OperationalError("canceling statement due to statement timeout")
        return 1

    monkeypatch.setattr(fetching, "station_fetch", fetch)
    monkeypatch.setattr(fetching, "_stations_in_turn", lambda: [station.pk, other.pk])
    assert fetching.files_fetch(moment=clock.now()) == 1
    assert served == [station.pk, other.pk]
    assert f"{station.serial} was not asked for files" in caplog.text


def test_a_known_content_that_the_store_has_lost_is_asked_for_again(station):
    held_make(station, "a.bin", end="known", ended_at=clock.now())
    assert state_of(station) == "wanted"
    assert station_fetch(station=station, moment=clock.now()) == 1


def test_a_station_that_is_handed_over_leaves_its_policy_and_wishes_behind(station):
    now = clock.now()
    held_make(station, "a.bin", wanted_at=now, wanted_by_name="olga", asked_until=now + timedelta(hours=1))
    holdings_hand_over(station=station)
    file = HeldFile.objects.get()
    assert (file.wanted_at, file.wanted_by_name, file.asked_until) == (None, "", None)
    assert rule_of_station(station).mode == "none"
