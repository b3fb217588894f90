"""Small cards made for the tests, and the real card on machines that have it."""

import gzip
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleet.organizations.models import Organization
from fleet.stations.models import Station

#: Real files of a bench station.
REAL_CARD = Path(__file__).resolve().parents[3] / "shared" / "data" / "sg-v2-rpi4-2021"
OWN, OTHER = "7F5ERPI46977", "8D21RPZ2778A"
#: 2021-12-16 00:25:01 UTC.
START = 1_639_614_301


def file_name(*, serial=OWN, hour=0, code="Z", source="all", end=".txt"):
    return f"changeMe-{serial}-3-2021-12-16T{hour:02d}-25-01.6590{code}-{source}{end}"


def hour_text(hour=0, pulses=6):
    """The text of an hour: one line of each kind, and some pulses."""
    at = START + 3_600 * hour
    lines = [f"S,{at + 1}.152,3,frequency,166.376,0,", f"C,{at + 22}.301,2,0", f"G,{at + 23},44.267386,-64.25947,22.4"]
    lines += [f"p3,{at + 24 + n}.5266,2.637,-38.87,-53.61" for n in range(pulses)]
    return "".join(f"{line}\n" for line in lines).encode()


def tags_text(hour=0, tags=3):
    at = START + 3_600 * hour
    return "".join(f"T1,{at + 4 + n}.186,78664c33,-75\n" for n in range(tags)).encode()


@pytest.fixture
def card(tmp_path):
    """A card of two hours, one of them compressed, with tags."""
    day = tmp_path / "SGdata" / "2021-12-16"
    day.mkdir(parents=True)
    (day / file_name()).write_bytes(hour_text())
    (day / file_name(hour=1, end=".txt.gz")).write_bytes(gzip.compress(hour_text(1)))
    (day / file_name(source="ctt")).write_bytes(tags_text())
    return tmp_path / "SGdata"


#: Lines by letter on that card.
LINES = Counter(S=2, C=2, G=2, p=12, T=3)


@pytest.fixture
def organization(db):
    return Organization.objects.create(name="Old Cut", slug="old-cut", created_at=datetime.now(tz=UTC))


@pytest.fixture
def station(organization):
    return Station.objects.create(organization=organization, serial=f"SG-{OWN}", registered_at=datetime.now(tz=UTC))
