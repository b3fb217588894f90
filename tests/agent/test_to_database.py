"""What the agent sends, live or replayed or both, is in the database once: the count is that of the files."""

import shutil
from collections import Counter
from datetime import UTC, datetime

import msgspec
import pytest
from agent.conftest import REAL_DATA
from agent.test_replay import drained, grep_counted
from agent.test_sensorgnome_source import own_files, poll_all

from fleet.ingest.delivery import Delivery
from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.pipeline import Pipeline
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.telemetry.models import Detection, Position, StationEvent
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
    station = make_station()
    source = sources_make(station)["sensorgnome"]
    source._settings = msgspec.structs.replace(source._settings, batch_age=0.0)
    poll_all(source)
    third = pipeline.take(deliveries(station.outbox.take(10_000)))
    assert third.quarantined == 0
    assert rows_in_database() == expected
    assert not QuarantinedMessage.objects.exists()
