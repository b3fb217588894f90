"""The declared events: every name that code announces, an example that fits, and names that cannot be made up."""

import re

import msgspec
import pytest

from fleet.commands.models import Command
from fleet.stations.models import StationContact
from message_queue import routing
from message_queue.errors import SerialNotAllowed
from message_queue.events.kinds import EVENT_KINDS, EVENTS, MoveEvent, event_plain


def test_every_state_of_a_command_and_of_a_contact_has_its_event():
    assert {f"command_{state}" for state in Command.State.values} <= EVENTS.keys()
    states = set(StationContact.State.values) - {"never_seen"}
    assert {f"contact_{state}" for state in states} <= EVENTS.keys()


@pytest.mark.parametrize("kind", EVENT_KINDS, ids=lambda kind: kind.body.__name__)
def test_an_example_is_read_as_it_was_written(kind):
    plain = event_plain(kind.example)
    assert msgspec.convert(plain, kind.body) == kind.example
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**plain, "latitude": 1.0}, kind.body)


def test_nobody_announces_what_is_not_declared_or_with_the_body_of_another_event():
    moved = EVENT_KINDS[-1].example
    assert isinstance(moved, MoveEvent)
    with pytest.raises(KeyError):
        event_plain(msgspec.structs.replace(moved, event="station_sold"))
    with pytest.raises(TypeError):
        event_plain(msgspec.structs.replace(moved, event="contact_late"))


def test_keys_of_a_tap_stay_within_its_organization():
    assert routing.tap_keys("old-cut", (), ()) == {"old-cut.#"}
    assert routing.tap_keys("old-cut", (), ("a",)) == {"old-cut.*.a"}
    assert routing.tap_keys("old-cut", ("S1",), ()) == {"old-cut.S1.*"}
    assert routing.tap_keys("old-cut", ("S1", "S2"), ("a", "b")) == {
        f"old-cut.{serial}.{event}" for serial in ("S1", "S2") for event in ("a", "b")
    }
    for slug in ("#", "*", "a.b", "a.#"):
        with pytest.raises(ValueError, match=re.escape(slug)):
            routing.tap_keys(slug, (), ())
    with pytest.raises(SerialNotAllowed):
        routing.tap_keys("old-cut", ("#",), ())
    for name in ("tap.x", "tap.0123456789abcdef.", "tapx0123456789abcdef", "st.S1.1"):
        assert not routing.is_tap(name)
        with pytest.raises(ValueError, match=name):
            routing.tap_permissions(name)
