"""Folders of CTT SensorStations are followed and replayed like those of Sensorgnomes, and every row is stored once."""

import gzip
from datetime import UTC, datetime

import ctt_files as made
import msgspec
import pytest
from agent.conftest import poll_all
from agent.messages_of import accounts_told, outbox_messages, rows_counted
from agent.test_replay import drained
from agent.test_to_database import deliveries

from fleet.ingest.pipeline import Pipeline
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.telemetry.left_out import ROWS_LEFT_OUT
from fleet.telemetry.models import Detection, Position, Reading, Series, StationEvent
from station_agent.sources import sources_make


@pytest.fixture
def folder(tmp_path):
    """The folder `/data` of a SensorStation: closed files, one that is being written, and its log."""
    closed = tmp_path / "data" / "rotated"
    closed.mkdir(parents=True)
    (closed / made.file_name(end=".csv.gz")).write_bytes(gzip.compress(made.tags_text(20)))
    (closed / made.file_name("node-health", end=".csv.gz")).write_bytes(gzip.compress(made.health_text()))
    (closed / made.file_name("gps", end=".csv.gz")).write_bytes(gzip.compress(made.gps_text()))
    (closed / made.file_name("blu", end=".csv.gz")).write_bytes(gzip.compress(made.blu_text()))
    (closed / made.file_name("log", end=".csv.gz")).write_bytes(gzip.compress(b"msg at,msg\r\n"))
    (tmp_path / "data" / made.file_name(closed="")).write_bytes(made.tags_text(4))
    return tmp_path / "data"


def test_closed_files_are_sent_and_the_open_one_waits(folder, follow):
    station = follow(directory=folder, serial=made.SERIAL)
    station.poll()
    messages = outbox_messages(station.outbox)
    assert rows_counted(messages) == {"T": 22, "G": 3}
    assert sum(len(body) for kind, body in messages if kind == "readings") == 6 * 10 + 2 + 10
    told = accounts_told(station.outbox)
    assert told[f"rotated/{made.file_name()}"].lines_taken == 21
    source = sources_make(station)["sensorgnome"]
    assert source.totals().bytes_unread == len(made.tags_text(4))
    assert source.totals().bytes_refused == 0


def test_when_the_station_closes_a_file_it_is_read(folder, follow):
    station = follow(directory=folder, serial=made.SERIAL)
    station.poll()
    open_file = folder / made.file_name(closed="")
    (folder / "rotated" / made.file_name(closed="2022-08-15_105039", end=".csv.gz")).write_bytes(
        gzip.compress(made.tags_text(7))
    )
    open_file.unlink()
    again = follow(directory=folder, serial=made.SERIAL)
    again.poll()
    assert rows_counted(outbox_messages(again.outbox))["T"] == 29
    assert sources_make(again)["sensorgnome"].totals().bytes_unread == 0
    assert accounts_told(again.outbox)[made.file_name(closed="")].state == "done"


def close(folder, at, *, rows=7):
    """Close the open file as the station does: move the data to another folder, under a name with a date."""
    (folder / "rotated" / made.file_name(closed=at, end=".csv.gz")).write_bytes(gzip.compress(made.tags_text(rows)))
    (folder / made.file_name(closed="")).unlink()


def looked(station):
    """The newest account of the open file after all folders are scanned again."""
    for seen in station.source._folder._scanned.copy():
        station.source._folder._scanned[seen] = (0.0, 0.0)
    station.poll()
    return accounts_told(station.outbox)[made.file_name(closed="")]


def test_an_open_file_that_is_removed_is_not_told_as_closed(folder, follow):
    station = follow(directory=folder, serial=made.SERIAL)
    station.poll()
    close(folder, "2022-08-15_105039")
    assert looked(station).state == "done"
    # The station begins the next one, and somebody removes it.
    (folder / made.file_name(closed="")).write_bytes(made.tags_text(2))
    # The station reports a growing file only now and then.
    looked(station)
    (folder / made.file_name(closed="")).unlink()
    told = looked(station)
    assert (told.state, told.reason) == (
        "gone",
        "It was removed before the station closed it, so its last lines were not read.",
    )


def test_an_open_file_that_is_removed_while_the_agent_rests_is_not_told_as_closed_either(folder, follow):
    station = follow(directory=folder, serial=made.SERIAL)
    station.poll()
    (folder / made.file_name(closed="")).unlink()
    again = follow(directory=folder, serial=made.SERIAL)
    again.poll()
    assert accounts_told(again.outbox)[made.file_name(closed="")].state == "gone"


def test_a_plain_file_is_read_on_where_the_last_start_ended(tmp_path, follow):
    path = tmp_path / made.file_name()
    path.write_bytes(made.tags_text(1_500))
    station = follow(directory=tmp_path, serial=made.SERIAL)
    station.poll()
    station.outbox.database.close()
    path.write_bytes(made.tags_text(1_600))
    again = follow(directory=tmp_path, serial=made.SERIAL)
    again.poll()
    bodies = [body for kind, body in outbox_messages(again.outbox) if kind == "detections"]
    assert [n for body in bodies for n in range(body.line[0], body.line[0] + len(body.t))] == list(range(2, 1_602))


def test_files_of_another_station_are_left(folder, follow):
    station = follow(directory=folder, serial="CTT-867459049219777")
    station.poll()
    assert "T" not in rows_counted(outbox_messages(station.outbox))
    assert sources_make(station)["sensorgnome"].totals().files_foreign == 5


def test_a_replay_takes_the_open_file_too(folder):
    feed, messages = drained(folder, serials=frozenset({made.SERIAL}))
    assert {report.file: report.account.state for report in feed.reports} == {
        made.file_name(closed=""): "done",
        **{f"rotated/{made.file_name(kind)}": "done" for kind in ("raw-data", "node-health", "gps", "blu")},
        f"rotated/{made.file_name('log', end='.csv.gz')}": "refused",
    }
    assert sum(report.lines["T"] for report in feed.reports) == 26
    assert not any(report.is_refused for report in feed.reports)
    assert messages


@pytest.mark.django_db
def test_live_and_by_replay_it_is_in_the_database_once(folder, make_station):
    organization = Organization.objects.create(name="Old Cut", slug="old-cut", created_at=datetime.now(tz=UTC))
    row = Station.objects.create(organization=organization, serial="SG-TEST", registered_at=datetime.now(tz=UTC))
    pipeline = Pipeline()
    _, replayed = drained(folder)
    taken = pipeline.take(deliveries(replayed))
    assert (taken.stored, taken.quarantined) == (len(replayed), 0)

    def there():
        return (
            Detection.objects.count(),
            Position.objects.count(),
            Reading.objects.count(),
            StationEvent.objects.exclude(name__startswith="file").count(),
        )

    # The open file begins like the closed one, so its rows are the same rows.
    assert there() == (22, 3, 6 * 10 + 10, 2)
    heard = Detection.objects.filter(station=row, port=1).order_by("line")
    assert [(one.node, one.is_validated, one.also) for one in heard[:2]] == [
        ("3B8B1F", False, None),
        (None, False, None),
    ]
    blu = Detection.objects.get(port=202)
    assert (blu.tag, blu.node, blu.is_validated, blu.also["Payload"]) == ("2D4B784C", None, None, "0ab1c3")
    battery = Series.objects.get(station=row, name="node/3B8B10/battery")
    assert (battery.unit, battery.last_value) == ("V", 4.4)

    before = there()
    _, again = drained(folder)
    assert pipeline.take(deliveries(again)).repeats == len(again)
    station = make_station(sources={"sensorgnome": {"directory": str(folder)}})
    source = sources_make(station)["sensorgnome"]
    source._settings = msgspec.structs.replace(source._settings, batch_age=0.0)
    poll_all(source)
    assert pipeline.take(deliveries(station.outbox.take(10_000))).quarantined == 0
    assert there() == before
    assert not StationEvent.objects.filter(name=ROWS_LEFT_OUT).exists()
