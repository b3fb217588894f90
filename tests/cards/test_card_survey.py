"""A survey reports the lines on a card and how many of them are here, and writes nothing."""

import json
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from agent.test_replay import drained, grep_counted
from agent.test_to_database import deliveries
from cards.conftest import LINES, OTHER, OWN, REAL_CARD, file_name, hour_text
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fleet.core.errors import InvalidInput
from fleet.ingest.cards.box import CardBox
from fleet.ingest.cards.survey import card_survey
from fleet.ingest.pipeline import Pipeline
from fleet.stations.models import Station
from fleet.telemetry.models import Detection, Position

pytestmark = pytest.mark.django_db


def survey(path, **options):
    with CardBox(path) as box:
        return card_survey(box, **options)


def put(card, serial):
    """Store the card in the database, as if a desk with the agent had sent it."""
    _feed, messages = drained(card)
    taken = [delivery_of(each, serial) for each in deliveries(messages)]
    assert Pipeline().take(taken).stored == len(messages)


def delivery_of(delivery, serial):
    delivery.exchange = f"up.{serial}"
    del delivery.properties["user_id"]
    return delivery


def test_a_card_that_nobody_knows_is_all_new(card, station):
    (on,) = survey(card).stations
    assert (on.serial, on.station, on.files) == (OWN, station, 3)
    assert on.lines == on.new == LINES
    assert (on.unset, on.wrong) == (0, 0)


def test_what_is_here_already_is_told_line_by_line(card, station):
    put(card, station.serial)
    (on,) = survey(card).stations
    assert (on.new, on.known) == (Counter(), Counter(LINES))
    Detection.objects.filter(line=5, kind=Detection.Kind.PULSE).delete()
    Position.objects.filter(occurred_at__hour=1).delete()
    (on,) = survey(card).stations
    assert on.new == {"p": 2, "G": 1}


def test_it_asks_the_database_for_chunks_and_writes_nothing(card, station):
    with CaptureQueriesContext(connection) as few:
        survey(card)
    hours = range(2, 8)
    for hour in hours:
        (card / file_name(hour=hour)).write_bytes(hour_text(hour, pulses=900))
    with CaptureQueriesContext(connection) as many:
        survey(card)
    # Only Django's queries are counted: two for the chunk of each file look for cold detections.
    assert len(many) == len(few) + 2 * len(hours)
    assert {query["sql"].split()[0] for query in many.captured_queries} == {"SELECT"}
    assert not Detection.objects.exists()


def test_lines_of_the_station_that_had_the_serial_before_are_here(card, station, organization):
    put(card, station.serial)
    Station.objects.filter(pk=station.pk).update(serial=f"{station.serial}~1", retired_at=datetime.now(tz=UTC))
    Station.objects.create(
        organization=organization,
        serial=f"SG-{OWN}",
        registered_at=datetime.now(tz=UTC),
        predecessor=station,
        moved_at=datetime.now(tz=UTC),
    )
    (on,) = survey(card).stations
    assert on.station != station
    assert on.new == Counter()


def test_two_stations_files_without_a_serial_and_an_unknown_station_are_told_apart(card, station, organization):
    other = Station.objects.create(organization=organization, serial=f"SG-{OTHER}", registered_at=datetime.now(tz=UTC))
    (card / file_name(serial=OTHER, hour=3)).write_bytes(hour_text(3))
    (card / file_name(serial="1013BB000626", hour=4)).write_bytes(hour_text(4))
    (card / "tower-2021-12-16T05-25-01.6590Z-all.txt").write_bytes(hour_text(5))
    found = {on.serial: (on.station, on.files) for on in survey(card).stations}
    assert found == {OWN: (station, 3), OTHER: (other, 1), "1013BB000626": (None, 1), "": (None, 1)}
    found = {on.serial: on.station for on in survey(card, station=station, also_of=["SG-1013BB000626"]).stations}
    assert found == {OWN: station, OTHER: other, "1013BB000626": station, "": station}


def test_a_serial_that_no_file_name_can_contain_is_refused(card, station):
    with pytest.raises(InvalidInput, match="R2D2 is not the serial of a Sensorgnome"):
        survey(card, station=station, also_of=["R2D2"])


def test_a_clock_that_was_not_set_or_wrong_is_counted(card, station):
    (card / file_name(hour=3, code="P")).write_bytes(hour_text(3, pulses=2))
    ahead = (datetime.now(tz=UTC) + timedelta(days=9)).timestamp()
    text = f"p3,946684811.5266,2.637,-38.87,-53.61\np3,{ahead:.4f},2.637,-38.87,-53.61\n"
    (card / file_name(hour=4)).write_text(text)
    (on,) = survey(card).stations
    assert (on.unset, on.wrong) == (5, 2)
    assert on.doubtful_file == min(file_name(hour=3, code="P"), file_name(hour=4))


def test_the_command_tells_it_to_people_and_programs(card, station, capsys):
    (card / "notes.txt").write_text("mast 2 is loose")
    call_command("card", "survey", str(card))
    said = capsys.readouterr().out
    assert f"{OWN}: SG-{OWN} of Old Cut. 3 files, 2021-12-16 00:25 UTC to 2021-12-16 01:25 UTC." in said
    assert "notes.txt: Its name is not that of a data file of a Sensorgnome or SensorStation." in said
    call_command("card", "survey", "--json", str(card))
    told = json.loads(capsys.readouterr().out)
    assert {letter: number for letter, number in told["stations"][0]["new"].items() if number} == LINES
    total = told["total"]
    assert sum(total[f"bytes_{outcome}"] for outcome in ("taken", "known", "kept_back", "refused")) == sum(
        path.stat().st_size for path in card.rglob("*.txt")
    ) + len(hour_text(1))


@pytest.mark.skipif(not REAL_CARD.is_dir(), reason="the real card is not on this machine")
def test_the_real_card_has_the_lines_that_grep_counts(tmp_path, station):
    shutil.copytree(REAL_CARD, tmp_path / "SGdata", copy_function=shutil.copyfile)
    (on,) = survey(tmp_path / "SGdata").stations
    assert on.station == station
    assert on.lines == grep_counted(tmp_path / "SGdata")
    assert (on.unset, on.wrong) == (0, 0)
    put(tmp_path / "SGdata", station.serial)
    (on,) = survey(tmp_path / "SGdata").stations
    assert on.new == Counter()
