"""Stations and raw deliveries for the tests of ingest."""

import itertools
import json
from datetime import UTC, datetime

import pytest
from people import elsewhere, english, institute, operator, stranger, viewer

from fleet.ingest import pipeline as pipelines
from fleet.ingest import reading
from fleet.ingest.delivery import Delivery
from fleet.ingest.pipeline import Pipeline
from fleet.organizations.models import Organization
from fleet.stations.models import Station

__all__ = ["elsewhere", "english", "institute", "operator", "stranger", "viewer"]
_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def reading_time_costs_nothing(monkeypatch):
    """On a busy machine a message takes long to read: it must neither weigh more nor split the batch of a test.

    Tests of these limits set them again.
    """
    monkeypatch.setattr(reading, "USUAL_S", 3_600.0)
    for name in ("PORTION", "LATE_PORTION"):
        monkeypatch.setattr(pipelines, name, getattr(pipelines, name)._replace(seconds=3_600.0))


@pytest.fixture
def organization(db):
    return Organization.objects.create(name="Old Cut Observatory", slug="old-cut", created_at=datetime.now(tz=UTC))


@pytest.fixture
def make_station(organization):
    def make(serial="", **fields):
        serial = serial or f"SG-TEST{next(_numbers):04d}"
        return Station.objects.create(
            organization=organization, serial=serial, registered_at=datetime.now(tz=UTC), **fields
        )

    return make


@pytest.fixture
def station(make_station):
    return make_station("SG-7F5ERPI46977")


@pytest.fixture
def pipeline():
    return Pipeline()


@pytest.fixture
def delivery():
    def make(serial, kind, body, *, stream=None, seq=None, oldest=None, next_seq=None, **properties):
        headers = {"v": 1} if stream is None else {"v": 1, "stream": stream, "seq": seq}
        if oldest is not None:
            headers["oldest"] = oldest
        if next_seq is not None:
            headers["next"] = next_seq
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        properties = {"type": kind, "application_headers": headers, **properties}
        return Delivery(f"in.{serial}", kind, properties, raw)

    return make
