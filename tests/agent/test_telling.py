"""The manifest of a large card is sent one message at a time, so that nothing else waits."""

from agent.manifests import age, known, manifests, source_of

from station_agent.manifest import telling


def settle_without_telling(source) -> None:
    """Scan and hash until only the reporting is left."""
    source._look_at = 0.0
    while not source._is_walked or source._steps is not None or source._queue or source._is_more or source._hashing:
        source.poll()


def test_a_poll_tells_one_message_so_that_a_large_card_holds_up_nothing_else(make_station, tmp_path, monkeypatch):
    monkeypatch.setattr(telling, "MAX_HELD", 5)
    for number in range(12):
        path = tmp_path / "SGdata" / f"{number:04d}.bin"
        path.parent.mkdir(exist_ok=True)
        path.touch()
        age(path)
    station = make_station()
    source = source_of(station)
    source._tell_at = 1e18
    settle_without_telling(source)
    source._tell_at, counts = 0.0, []
    while not counts or counts[-1] < 12:
        source.poll()
        counts.append(len(known(manifests(station))))
    assert counts == [5, 10, 12]
