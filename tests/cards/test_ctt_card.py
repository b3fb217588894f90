"""A CTT SensorStation's card is surveyed and sent like a Sensorgnome's, and told apart by the serial in its names."""

import gzip
from collections import Counter
from datetime import UTC, datetime

import ctt_files as made
import pytest
from cards.conftest import hour_text
from cards.test_card_survey import put, survey

from fleet.core.errors import Conflict
from fleet.ingest.cards.box import CardBox
from fleet.ingest.cards.services import CardAnswers, card_send
from fleet.organizations.access import viewer_of_server
from fleet.stations.models import Station
from fleet.telemetry.keeping.rules import Kept, rule_set
from fleet.telemetry.models import Detection, Reading, StationEvent

pytestmark = pytest.mark.django_db
LINES = Counter(T=22, G=3, H=6)


@pytest.fixture
def sensorstation(organization):
    return Station.objects.create(organization=organization, serial=made.SERIAL, registered_at=datetime.now(tz=UTC))


@pytest.fixture
def ctt_card(tmp_path):
    folder = tmp_path / "ctt"
    folder.mkdir()
    for kind, text in (
        ("raw-data", made.tags_text(20)),
        ("node-health", made.health_text()),
        ("gps", made.gps_text()),
        ("blu", made.blu_text()),
    ):
        (folder / made.file_name(kind, end=".csv.gz")).write_bytes(gzip.compress(text))
    return folder


def test_what_is_here_is_told_line_by_line(ctt_card, sensorstation):
    (on,) = survey(ctt_card).stations
    assert (on.serial, on.station, on.files) == (made.SERIAL, sensorstation, 4)
    assert on.new == LINES
    put(ctt_card, sensorstation.serial)
    (on,) = survey(ctt_card).stations
    assert (on.new, on.known) == (Counter(), LINES)
    Detection.objects.filter(node="3B8B1F", port=201).delete()
    Reading.objects.filter(series__name="node/3B8B11/battery").delete()
    (on,) = survey(ctt_card).stations
    assert on.new == Counter(T=1, H=3)


def test_rows_of_health_that_have_only_a_text_or_nothing_are_here_once_they_were_sent(ctt_card, sensorstation):
    rows = [f"2022-08-15 10:0{n}:30,,3b8b10,,,,,{said},,,,," for n, said in enumerate(("v1.2", "v1.3", ""))]
    text = made.text(made.V2_HEALTH, *rows)
    (ctt_card / made.file_name("node-health", closed="2022-08-15_105039")).write_bytes(text)
    (on,) = survey(ctt_card).stations
    # The last row has no value, so nothing of it can be missing here.
    assert on.new == LINES + Counter(H=2)
    put(ctt_card, sensorstation.serial)
    (on,) = survey(ctt_card).stations
    assert (on.new, on.known) == (Counter(), LINES + Counter(H=3))
    StationEvent.objects.filter(name="node/3B8B10/firmware", data__text="v1.3").delete()
    (on,) = survey(ctt_card).stations
    assert on.new == Counter(H=1)


def test_a_line_whose_figures_a_rule_keeps_back_is_here(ctt_card, sensorstation):
    rule_set(owner=sensorstation, pattern="node/*", kept=Kept(interval_s=86_400))
    put(ctt_card, sensorstation.serial)
    (on,) = survey(ctt_card).stations
    assert (on.new, on.known) == (Counter(), LINES)
    assert Reading.objects.filter(series__name="node/3B8B11/battery").count() == 1


def test_every_byte_of_the_card_has_one_outcome(ctt_card):
    whole = sum(len(gzip.decompress(path.read_bytes())) for path in ctt_card.iterdir())
    tally = survey(ctt_card).tally
    assert (tally.bytes_read, tally.bytes_taken) == (whole, whole)
    assert tally.lines_taken == sum(LINES.values()) + 4


def test_a_lotek_receivers_file_is_refused_with_what_is_in_it(ctt_card):
    (ctt_card / "site0001.DTA").write_text(
        "SRX800 / 1234 Information:\nReceiver S/N: 1234\nCode Set: Lotek4\n"
        "06/05/15  12:43:10.6489         0     393    A1+A2     131\n"
    )
    (refused,) = survey(ctt_card).refused
    assert refused.account.state == "refused"
    assert "Lotek receiver SRX800 no. 1234: 1 tags with code set Lotek4" in refused.account.reason
    assert refused.account.tally.bytes_refused == (ctt_card / "site0001.DTA").stat().st_size


def test_another_stations_files_are_asked_about(ctt_card, sensorstation):
    other = made.file_name(serial="CTT-867459049219777")
    (ctt_card / other).write_bytes(made.tags_text(3))
    (ctt_card / "site-7F5ERPI46977-3-2021-12-16T00-25-01.6590Z-all.txt").write_bytes(hour_text())
    with CardBox(ctt_card) as box, pytest.raises(Conflict, match="CTT-867459049219777"):
        card_send(actor=viewer_of_server("test"), station=sensorstation, box=box, answers=CardAnswers())
    assert not Detection.objects.exists()
