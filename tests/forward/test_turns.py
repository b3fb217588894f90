"""Turns: slow receivers of others cost a neighbour two seconds at most."""

import threading

import pytest
from django.db import connections
from forward.conftest import Receiver, pack
from people import SERVER, station_of
from waiting import until

from fleet.forward.lanes import lanes_run
from fleet.forward.models import Forwarder
from fleet.forward.services import RowChoice, forwarder_add
from fleet.forward.turns import (
    LANES_MOST,
    LANES_OF_ONE,
    QUICK_MOST,
    QUICK_OF_ONE,
    SLOW_MOST,
    SLOW_OF_ONE,
    SLOW_S,
    Due,
    Turns,
)
from fleet.organizations.services import organization_create


def lanes(organization: int, count: int, *, slow: bool = False) -> list[Due]:
    return [Due(100 * organization + number + (50 if slow else 0), organization, slow) for number in range(count)]


def test_a_quick_slot_is_free_again_whatever_its_receiver_does():
    now = [0.0]
    turns = Turns(clock=lambda: now[0])
    # One organization gets only a part of the slots; its other lanes wait.
    assert len(turns.start(lanes(1, 20))) == QUICK_OF_ONE
    assert turns.start(lanes(1, 20)) == []
    assert len(turns.start(lanes(2, 20))) == QUICK_MOST - QUICK_OF_ONE
    neighbour = lanes(3, 1)
    assert turns.start(neighbour) == []
    assert turns.look_again_s == 1.0
    now[0] = SLOW_S - 0.5
    assert turns.look_again_s == pytest.approx(0.5)
    now[0] = SLOW_S
    assert turns.start(neighbour) == [300]
    assert turns.has_slow
    # The slow lanes still run, and count towards the first organization's share.
    assert len(turns.start(lanes(1, 20))) == LANES_OF_ONE - QUICK_OF_ONE
    for number in turns.running:
        turns.end(number)
    assert not turns.has_slow


def test_known_slow_lanes_take_no_quick_slot():
    turns = Turns(clock=lambda: 0.0)
    slow = [lane for organization in range(1, 9) for lane in lanes(organization, 5, slow=True)]
    started = turns.start(slow)
    assert len(started) == SLOW_MOST
    assert max(sum(number // 100 == one for number in started) for one in range(1, 9)) == SLOW_OF_ONE
    assert len(turns.start(lanes(9, 1))) == 1
    turns.end(started[0])
    assert turns.start(slow, is_quick_only=True) == []
    assert len(turns.start(slow)) == 1
    assert LANES_MOST >= QUICK_MOST + SLOW_MOST


@pytest.mark.django_db(transaction=True)
def test_eight_receivers_that_hang_do_not_hold_up_a_neighbour(receiver, institute, elsewhere, pipeline):
    hanging, third = Receiver(), organization_create(name="Third", owner=None)
    hanging.answer = lambda *_: "hang"
    try:
        for organization, url, count in (
            (institute, hanging.url, 5),
            (elsewhere, hanging.url, 5),
            (third, receiver.url, 1),
        ):
            for number in range(count):
                forwarder_add(
                    actor=SERVER,
                    organization=organization,
                    kind="webhook",
                    name=f"There {number}",
                    settings={"url": f"{url}/{organization.slug}"},
                    choice=RowChoice(is_clean=False),
                )
        stations = [station_of(one) for one in (institute, elsewhere, third)]
        assert pipeline.take([pack(station, 1.0) for station in stations]).quarantined == 0
        thread = threading.Thread(target=lambda: (lanes_run(seconds=30.0), connections.close_all()))
        thread.start()
        until(lambda: receiver.seen, "the neighbour's row", every=0.02)
        # All eight quick slots were taken before; no receiver has answered, and no lane has given up.
        assert len(hanging.seen) >= QUICK_MOST
        assert not hanging.released.is_set()
        assert not Forwarder.objects.exclude(organization=third).filter(failures__gt=0).exists()
        # The next row of the neighbour does not wait for them either.
        assert pipeline.take([pack(stations[2], 2.0)]).quarantined == 0
        until(lambda: len(receiver.values()) == 2, "the neighbour's next row", every=0.02)
        assert not hanging.released.is_set()
        hanging.released.set()
        # All ten lanes that hung fail in the end.
        until(lambda: Forwarder.objects.filter(failures__gt=0).count() == 10, "the failures")
        thread.join(60)
        assert not thread.is_alive()
    finally:
        hanging.stop()
