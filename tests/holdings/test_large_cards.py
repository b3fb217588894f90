"""Large cards: a job counts their sums, shown with the time; the list of each state has the files of its sum."""

from datetime import timedelta

import pytest
from files.tus_asking import Tus
from holdings.test_asking import held_make
from people import SERVER, institute, key_of, station_of

from fleet.core import clock
from fleet.files.store.models import StoredContent
from fleet.holdings import summing
from fleet.holdings.models import HeldFile, StationHolding
from fleet.holdings.policy import FetchRule, policy_set, rule_of_station
from fleet.holdings.selectors import STATES, held_list, held_sums, sums_by_state

__all__ = ["institute"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def station(institute, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return station_of(institute)


def holding_make(station, held: int) -> StationHolding:
    now = clock.now()
    return StationHolding.objects.create(
        station=station, said_at=now, said_stream="s", said_seq=1, received_at=now, held=held, held_octets=1, waiting=0,
        waiting_octets=0,
    )  # fmt: skip


def test_each_states_list_has_the_files_of_its_sum(station, institute):
    policy_set(actor=SERVER, owner=station, rule=FetchRule(mode="heard", days_most=30))
    now, soon = clock.now(), clock.now() + timedelta(hours=1)
    tus = Tus(f"Bearer {key_of(institute, write=True)}")
    # Files stored under their own path, under another one, rotten, and an earlier state of a stored file.
    for path, content in (("a", "a"), ("elsewhere", "b"), ("c", "c"), ("d", "more than d")):
        tus.upload(content.encode(), path, station=station.serial)
    StoredContent.objects.filter(octets=1, revisions__file__path="c").update(state="rotten")
    held_make(station, "a", is_gone=True)
    held_make(station, "b")
    held_make(station, "c", lines={"pulse": 1})
    held_make(station, "d", end="known")
    held_make(station, "e", is_gone=True, end="known")
    held_make(station, "f", asked_at=now, asked_until=soon)
    held_make(station, "g", end="refused", ended_at=now)
    held_make(station, "h", lines={"gps": 4})
    held_make(station, "i", lines={"gps": 4}, wanted_at=now)
    held_make(station, "j", last_at=now - timedelta(days=31))
    rule = rule_of_station(station)
    sums = sums_by_state(held_sums(station=station, rule=rule))
    found = {state: [each.path for each in held_list(station=station, rule=rule, state=state)] for state in STATES}
    assert found == {
        "stored": ["d", "b", "a"],
        "asked": ["f"],
        "wanted": ["i", "c"],
        "refused": ["g"],
        "kept": ["j", "h"],
        "gone": ["e"],
    }
    assert {state: len(paths) for state, paths in found.items()} == {state: each.files for state, each in sums.items()}
    # The list of all files has the same states.
    everything = held_list(station=station, rule=rule)
    assert {each.path: each.state for each in everything} == {
        path: state for state, paths in found.items() for path in paths
    }
    assert {each.path: each.kept_for for each in everything if each.state == "kept"} == {
        "h": "no_detections", "j": "too_old",
    }  # fmt: skip


def test_a_large_cards_sums_are_those_of_the_job(station, monkeypatch):
    monkeypatch.setattr(summing, "SMALL_MOST", 1)
    holding, now = holding_make(station, held=2), clock.now()
    held_make(station, "a")

    def shown() -> int:
        holding.refresh_from_db()
        found = summing.sums_shown(station=station, rule=rule_of_station(station), holding=holding)
        return sum(each.files for each in found.sums.values())

    # Nobody has counted yet, so the page does.
    assert shown() == 1
    assert summing.sums_count(moment=now) == 1
    held_make(station, "b")
    assert shown() == 1
    # It is counted again only after five minutes.
    assert summing.sums_count(moment=now) == 0
    assert summing.sums_count(moment=now + timedelta(minutes=6)) == 1
    assert shown() == 2
    # Under another policy the sums would be wrong, so they are counted at once.
    HeldFile.objects.all().delete()
    policy_set(actor=SERVER, owner=station, rule=FetchRule(mode="all"))
    assert shown() == 0


def test_a_small_card_is_counted_at_once(station):
    holding = holding_make(station, held=2)
    held_make(station, "a")
    assert summing.sums_count(moment=clock.now()) == 0
    found = summing.sums_shown(station=station, rule=rule_of_station(station), holding=holding)
    assert sum(each.files for each in found.sums.values()) == 1
