"""Everything the agent sends, live or by replay or both, is in the database once: the counts match the files."""

import shutil
from collections import Counter
from datetime import UTC, datetime

import msgspec
import pytest
from agent.card_of_files import card_make
from agent.conftest import REAL_DATA, poll_all
from agent.test_replay import drained, grep_counted
from agent.test_sensorgnome_source import own_files

from fleet.ingest.delivery import Delivery
from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.pipeline import Pipeline
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.telemetry.left_out import ROWS_LEFT_OUT
from fleet.telemetry.models import Detection, FileSummary, Position, StationEvent
from message_queue.contracts import contracts
from station_agent.sources import sources_make

pytestmark = pytest.mark.django_db
NAMES = {"clock": "C", "setting": "S", "filter": "F"}


@pytest.fixture
def row():
    organization = Organization.objects.create(name="Old Cut", slug="old-cut", created_at=datetime.now(tz=UTC))
    return Station.objects.create(organization=organization, serial="SG-TEST", registered_at=datetime.now(tz=UTC))


@pytest.fixture
def data(tmp_path):
    if REAL_DATA.is_dir():
        shutil.copytree(REAL_DATA, tmp_path / "SGdata", copy_function=shutil.copyfile)
    else:
        own_files(tmp_path / "SGdata")
    return tmp_path / "SGdata"


def send_live(station, pipeline):
    """Store everything that the source finds in the database."""
    source = sources_make(station)["sensorgnome"]
    source._settings = msgspec.structs.replace(source._settings, batch_age=0.0)
    poll_all(source)
    return pipeline.take(deliveries(station.outbox.take(10_000)))


def deliveries(messages):
    return [
        Delivery(
            exchange="in.SG-TEST",
            routing_key=message.kind,
            properties={
                "type": message.kind,
                "content_type": contracts()[message.kind].content_type,
                "content_encoding": message.encoding,
                "message_id": message.message_id,
                "user_id": "st.SG-TEST.1",
                "application_headers": message.headers,
            },
            body=message.body,
        )
        for message in messages
    ]


def rows_in_database():
    count = Counter(
        p=Detection.objects.filter(kind=Detection.Kind.PULSE, is_used=True).count(),
        n=Detection.objects.filter(kind=Detection.Kind.PULSE, is_used=False).count(),
        T=Detection.objects.filter(kind=Detection.Kind.TAG).count(),
        G=Position.objects.count(),
    )
    for name in StationEvent.objects.values_list("name", flat=True):
        count[NAMES.get(name, name)] += 1
    return +count


def test_replayed_twice_and_sent_live_it_is_there_once(row, data, make_station):
    pipeline, expected = Pipeline(), grep_counted(data)
    _, replayed = drained(data)
    first = pipeline.take(deliveries(replayed))
    assert (first.stored, first.repeats, first.quarantined) == (len(replayed), 0, 0)
    assert rows_in_database() == expected
    _, again = drained(data)
    second = pipeline.take(deliveries(again))
    assert (second.stored, second.repeats) == (0, len(again))
    assert send_live(make_station(), pipeline).quarantined == 0
    assert rows_in_database() == expected
    assert not StationEvent.objects.filter(name=ROWS_LEFT_OUT).exists(), "rows that arrive both ways are not lost"
    assert not QuarantinedMessage.objects.exists()


def rows_of_files():
    """Counted rows, without the agent's own messages about files."""
    return Counter({name: number for name, number in rows_in_database().items() if not name.startswith("file")})


def test_a_card_of_all_kinds_is_in_the_database_once_however_often_it_is_sent(row, tmp_path, make_station):
    card_make(tmp_path / "SGdata")
    pipeline = Pipeline()
    feed, replayed = drained(tmp_path / "SGdata")
    first = pipeline.take(deliveries([*replayed, *feed.told]))
    assert (first.stored, first.repeats, first.quarantined) == (len(replayed) + len(feed.told), 0, 0)
    there = rows_of_files()
    summary, tallies = FileSummary.objects.get(station=row), [report.account.tally for report in feed.reports]
    assert (summary.files, summary.bytes_unread) == (62, 0)
    assert summary.bytes_all == sum(tally.bytes_read for tally in tallies)
    assert summary.bytes_taken == sum(tally.bytes_taken for tally in tallies)
    assert summary.bytes_refused == sum(tally.bytes_refused for tally in tallies)
    feed, again = drained(tmp_path / "SGdata")
    second = pipeline.take(deliveries([*again, *feed.told]))
    assert (second.stored, second.repeats) == (0, len(again) + len(feed.told))
    assert send_live(make_station(), pipeline).quarantined == 0
    assert rows_of_files() == there
    assert not StationEvent.objects.filter(name=ROWS_LEFT_OUT).exists()
    assert not QuarantinedMessage.objects.exists()


def test_a_card_that_an_older_agent_replayed_doubles_no_row(row, data):
    pipeline = Pipeline()
    _, replayed = drained(data)
    before = [
        message._replace(
            headers=message.headers | {"stream": message.headers["stream"].replace("f2-", "f1-")},
        )
        for message in replayed
    ]
    assert pipeline.take(deliveries(before)).stored == len(replayed)
    there = rows_in_database()
    assert pipeline.take(deliveries(replayed)).quarantined == 0
    assert rows_in_database() == there == grep_counted(data)
    assert not StationEvent.objects.filter(name=ROWS_LEFT_OUT).exists()
