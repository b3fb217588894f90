"""Rows that leave: chosen stations and series, public places with blur and embargo, doubtful rows, names and units."""

import json
from datetime import timedelta

import pytest
from forward.conftest import ago, counts, run
from people import station_of

from fleet.core import clock
from fleet.core.errors import Forbidden, InvalidInput
from fleet.deployments.models import Deployment, Site
from fleet.forward.services import RowChoice, forwarder_change
from fleet.forward.targets import secrets_of
from fleet.stations.models import Station

pytestmark = pytest.mark.django_db(transaction=True)


def sent(receiver):
    return [row for _method, _path, _headers, body in receiver.seen for row in json.loads(body)["data"]]


def deploy(station, **fields) -> Deployment:
    site, _made = Site.objects.get_or_create(
        organization=station.organization, name="Old Cut", latitude=42.58, longitude=-80.4
    )
    return Deployment.objects.create(station=station, site=site, period=(ago(days=30), None), **fields)


def test_only_chosen_stations_and_series(add, receiver, arrive, station, institute):
    other = station_of(institute)
    hook = add(
        url=receiver.url,
        choice=RowChoice(reach="stations", serials=[other.serial.lower()], series=["temp", "health/*"], is_clean=False),
    )
    arrive(1.0)
    arrive(2.0, of=other)
    arrive(3.0, of=other, name="hum")
    arrive(4.0, of=other, name="health/disk")
    run(hook)
    assert [(row["station"], row["value"]) for row in sent(receiver)] == [(other.serial, 2.0), (other.serial, 4.0)]
    assert counts(hook) == (2, 0, 2, 0)
    assert hook.rows == 4


def test_doubtful_rows_are_kept_back_or_say_why(add, receiver, arrive):
    clean = add(url=receiver.url, choice=RowChoice())
    arrive(1.0, since=10.0**9)
    run(clean)
    assert counts(clean) == (0, 0, 1, 0)
    hook = add(url=receiver.url, name="All")
    arrive(2.0, since=10.0**9 + 5)
    run(hook)
    assert [row["marks"] for row in sent(receiver)] == [["ancient"]]


def test_a_private_place_is_sent_without_the_place(add, receiver, arrive, station):
    deploy(station)
    hook = add(url=receiver.url)
    arrive(1.0)
    arrive(42.58, name="gps/latitude", unit="deg")
    run(hook)
    (row,) = sent(receiver)
    assert "latitude" not in row
    assert "site" not in row
    assert counts(hook) == (1, 0, 1, 0)


def test_only_public_deployments_with_blur_and_without_the_serial(add, receiver, arrive, station, institute):
    private = station_of(institute)
    deploy(private)
    placed = deploy(station, is_public=True, location="blurred", blur_radius_m=20_000.0)
    hook = add(url=receiver.url, choice=RowChoice(reach="public", is_clean=False))
    arrive(1.0)
    arrive(2.0, of=private)
    arrive(3.0, since=ago(days=60).timestamp())
    arrive(42.58, name="lat", unit="deg")
    run(hook)
    (row,) = sent(receiver)
    assert (row["value"], row["station"], row["site"]) == (1.0, str(placed.public_id), "Old Cut")
    assert row["radius_m"] == 20_000.0
    assert (row["latitude"], row["longitude"]) != (42.58, -80.4)
    assert station.serial not in json.dumps(sent(receiver))
    assert counts(hook) == (1, 0, 3, 0)


def test_a_withheld_place_sends_nothing_until_its_day(add, receiver, arrive, station):
    placed = deploy(
        station,
        is_public=True,
        location="withheld",
        withheld_until=clock.now() + timedelta(days=9),
        is_serial_public=True,
    )
    hook = add(url=receiver.url, choice=RowChoice(reach="public", is_clean=False))
    arrive(1.0)
    run(hook)
    assert receiver.seen == []
    Deployment.objects.filter(pk=placed.pk).update(withheld_until=ago(days=1))
    arrive(2.0)
    run(hook)
    (row,) = sent(receiver)
    assert (row["station"], row["latitude"], row["radius_m"]) == (station.serial, 42.58, None)
    assert counts(hook) == (1, 0, 1, 0)


def test_a_station_that_left_the_organization_is_no_longer_sent(hook, receiver, arrive, station, elsewhere):
    arrive(1.0)
    Station.objects.filter(pk=station.pk).update(organization=elsewhere)
    run(hook)
    assert receiver.seen == []
    assert counts(hook) == (0, 0, 1, 0)


def test_names_and_units_there(add, receiver, arrive):
    choice = RowChoice(names=[("temp", "t_air", "K"), ("volt*", "", "mV"), ("x", "y", "widgets")], is_clean=False)
    hook = add(url=receiver.url, choice=choice)
    arrive(0.0)
    arrive(1.5, name="voltage", unit="V")
    arrive(7.0, name="x", unit="V")
    run(hook)
    assert sorted((row["series"], row["value"], row["unit"]) for row in sent(receiver)) == [
        ("t_air", 273.15, "K"), ("voltage", 1500.0, "mV"), ("y", 7.0, "widgets"),
    ]  # fmt: skip


def test_a_new_address_needs_the_secrets_again(add, receiver, owner, operator):
    influx = add("influxdb", url=receiver.url, bucket="b", org="", measurement="", token="t0ken")
    kept = {"url": receiver.url, "bucket": "b", "org": "", "measurement": ""}
    with pytest.raises(Forbidden):
        forwarder_change(actor=operator, forwarder=influx, name="There", settings=kept, choice=RowChoice())
    same = forwarder_change(actor=owner, forwarder=influx, name="New name", settings=kept, choice=RowChoice())
    assert secrets_of(same) == {"token": "t0ken"}
    away = forwarder_change(
        actor=owner, forwarder=same, name="Away", settings={**kept, "url": "https://example.org"}, choice=RowChoice()
    )
    assert secrets_of(away) == {"token": ""}


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        (RowChoice(reach="stations", serials=["SG-NOBODY"]), "stations"),
        (RowChoice(reach="stations"), "stations"),
        (RowChoice(reach="everything"), "reach"),
        (RowChoice(names=[("temp*", "t", "")]), "names"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(add, receiver, choice, field):
    with pytest.raises(InvalidInput) as refused:
        add(url=receiver.url, choice=choice)
    assert refused.value.field == field
