"""Each kind against a real receiver: what arrives there, and the effect of another try."""

import contextlib
import json
import re
import socket
import subprocess
import threading
from datetime import UTC, datetime

import pytest
from forward.conftest import Receiver, counts, run
from forward.things_service import Service
from paho.mqtt.client import CallbackAPIVersion, Client
from paho.mqtt.enums import MQTTErrorCode
from waiting import until

from fleet.core import clock
from fleet.core.errors import InvalidInput
from fleet.forward.kinds import kinds
from fleet.forward.kinds.base import ForwardDetection, ForwardRow
from fleet.forward.kinds.influxdb import detection_line_of, line_of
from fleet.forward.models import GivenId
from fleet.forward.services import RowChoice
from operations.packages import mosquitto_find

pytestmark = pytest.mark.django_db(transaction=True)

NAMED = RowChoice(names=[("temp", "air temperature", "K"), ("hum", "", "%")], is_clean=False)


# InfluxDB


@pytest.fixture
def influx(add, receiver):
    return add(
        "influxdb", url=receiver.url, org="birds", bucket="field", token="t0ken", measurement="met 1", choice=NAMED
    )


def test_influxdb_gets_lines_with_names_and_units_of_its_own(influx, receiver, arrive, station):
    at = clock.now().timestamp() - 10
    arrive(20.0, since=at)
    arrive(55.0, name="hum", unit="%RH")
    run(influx)
    ((_method, path, headers, body),) = receiver.seen
    assert path == "/api/v2/write?org=birds&bucket=field&precision=us"
    assert headers["Authorization"] == "Token t0ken"
    temperature, humidity = body.decode().split("\n")
    assert temperature == (
        f"met\\ 1,series=air\\ temperature,station={station.serial},unit=K value=293.15 {round(at * 1e6)}"
    )
    assert re.fullmatch(rf"met\\ 1,series=hum,station={station.serial},unit=% value=55\.0 \d{{16}}", humidity)
    assert counts(influx) == (2, 0, 0, 0)


def test_influxdb_gets_the_marks_of_a_doubted_row():
    at = datetime(2026, 5, 1, tzinfo=UTC)
    reading = ForwardRow("1", 1, "k", "SG-1", "temp", "K", 293.15, at, at, marks=("late", 'from "arrival"'))
    assert line_of(reading, "met").endswith(' value=293.15,marks="late,from \\"arrival\\"" 1777593600000000')
    tag = ForwardDetection("1", (1,), "k", "SG-1", "tag", 3, 7, at, at, tag="61", is_used=False, is_validated=True)
    assert " line=7.0,is_used=false,is_validated=true " in detection_line_of(tag, "met")


def test_influxdb_refuses_one_line_and_gets_the_others(influx, receiver, arrive):
    receiver.answer = lambda _m, _p, _q, _h, body: (
        (400, {"code": "invalid", "message": "field type conflict"}) if b"value=280.15" in body else 204
    )
    arrive(5.0, 6.0, 7.0, 8.0)
    run(influx)
    assert counts(influx) == (3, 0, 0, 1)
    assert "field type conflict" in influx.refused.get().reason


def test_a_wrong_token_is_no_fault_of_the_rows(influx, receiver, arrive):
    receiver.answer = lambda *_: (401, {"message": "unauthorized access"})
    arrive(1.0)
    run(influx)
    assert counts(influx) == (0, 0, 0, 0)
    assert "401" in influx.answer
    assert "unauthorized access" in influx.answer


# MQTT


class MqttBroker:
    """Mosquitto, and a subscriber that keeps every message."""

    def __init__(self, port: int = 0) -> None:
        self.port = port or self._free()
        self.messages: list[tuple[str, dict]] = []
        # Without a configuration, Mosquitto listens on the loopback only, and everybody may publish.
        self._broker = subprocess.Popen([str(mosquitto_find()), "-p", str(self.port)], stderr=subprocess.DEVNULL)
        subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = lambda _c, _d, message: self.messages.append(
            (message.topic, json.loads(message.payload))
        )
        until(self._is_connected, "the broker")
        self._client.loop_start()
        assert subscribed.wait(30)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._broker.terminate()
        self._broker.wait(30)

    def _is_connected(self) -> bool:
        with contextlib.suppress(ConnectionRefusedError):
            return self._client.connect("127.0.0.1", self.port) == MQTTErrorCode.MQTT_ERR_SUCCESS
        return False

    @staticmethod
    def _free() -> int:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return int(free.getsockname()[1])


@pytest.fixture
def broker(settings):
    settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES = True
    made = MqttBroker()
    yield made
    made.stop()


def test_an_mqtt_broker_gets_a_message_for_each_row_and_confirms_it(add, broker, arrive, station):
    mqtt = add("mqtt", host="127.0.0.1", port=str(broker.port), tls="no", prefix="field/birds")
    arrive(*(float(n) for n in range(30)), name="health/battery_v", unit="V")
    run(mqtt)
    until(lambda: len(broker.messages) == 30)
    assert {topic for topic, _told in broker.messages} == {f"field/birds/{station.serial}/health/battery_v"}
    assert sorted(told["value"] for _topic, told in broker.messages) == [float(n) for n in range(30)]
    assert len({told["id"] for _topic, told in broker.messages}) == 30
    assert counts(mqtt) == (30, 0, 0, 0)


def test_an_mqtt_broker_that_is_away_gets_everything_when_it_is_back(add, settings, arrive):
    settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES = True
    port = MqttBroker._free()
    mqtt = add("mqtt", host="127.0.0.1", port=str(port), tls="no")
    arrive(1.0, 2.0)
    run(mqtt)
    assert "cannot be reached" in mqtt.answer
    broker = MqttBroker(port)
    try:
        run(mqtt)
        until(lambda: len(broker.messages) == 2)
    finally:
        broker.stop()
    assert counts(mqtt) == (2, 0, 0, 0)


def test_mqtt_goes_to_no_private_address(add, settings, arrive):
    settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES = False
    mqtt = add("mqtt", host="localhost", port="1883", tls="no")
    arrive(1.0)
    run(mqtt)
    assert "not on the public internet" in mqtt.answer


# SensorThings


@pytest.fixture
def service(receiver):
    return Service(receiver)


@pytest.fixture
def things(add, receiver, service):
    return add("sensorthings", url=f"{receiver.url}/v1.1/", secret="s3cret")


def test_sensorthings_get_a_thing_a_datastream_and_observations_once(things, service, receiver, arrive, station):
    arrive(1.0, 2.0)
    arrive(50.0, name="hum", unit="%RH")
    run(things)
    arrive(3.0)
    run(things)
    assert {name: len(kept) for name, kept in service.things.items()} == {
        "Things": 1, "Sensors": 1, "ObservedProperties": 2, "Datastreams": 2, "Observations": 4,
    }  # fmt: skip
    assert service.things["Things"][0]["name"] == station.serial
    assert {one["name"]: one["unitOfMeasurement"]["symbol"] for one in service.things["Datastreams"]} == {
        f"{station.serial} temp [Cel]": "Cel", f"{station.serial} hum [%RH]": "%RH",
    }  # fmt: skip
    assert [one["result"] for one in service.things["Observations"]] == [1.0, 2.0, 50.0, 3.0]
    assert {headers["Authorization"] for _method, _path, headers, _body in receiver.seen} == {"Bearer s3cret"}
    assert counts(things) == (4, 0, 0, 0)


@pytest.mark.parametrize("lost", ["Things", "Sensors", "ObservedProperties", "Datastreams", "Observations"])
def test_a_lost_answer_doubles_nothing_in_sensorthings(things, service, arrive, lost):
    service.lost = [lost]
    arrive(1.0, 2.0)
    run(things)
    assert things.failures == 1
    run(things)
    assert [one["result"] for one in service.things["Observations"]] == [1.0, 2.0]
    assert all(len(service.things[name]) == 1 for name in ("Things", "Sensors", "ObservedProperties", "Datastreams"))
    assert counts(things) == ((1, 1, 0, 0) if lost == "Observations" else (2, 0, 0, 0))


# Stadtpuls


class Stadtpuls:
    """The interface of Stadtpuls in memory: sign-in, sensors, records."""

    def __init__(self, receiver: Receiver) -> None:
        self.sensors: list[dict] = []
        self.records: list[tuple[str, dict]] = []
        self.lost: list[str] = []
        receiver.answer = self.answer

    def answer(self, method, path, query, headers, body):
        told = json.loads(body) if body else {}
        if path == "/token":
            assert query == {"grant_type": "password"}
            assert headers["apikey"] == "key"
            good = told == {"email": "a@example.org", "password": "pw"}
            return (200, {"access_token": "tok", "user": {"id": "u1"}}) if good else (400, {"error": "invalid_grant"})
        if path == "/sensors" and method == "GET":
            return 200, [{"id": one["id"]} for one in self.sensors if f"eq.{one['name']}" == query["name"]]
        if path == "/sensors":
            assert headers["Authorization"] == "Bearer tok"
            self.sensors.append({**told, "id": len(self.sensors) + 1})
            return "drop" if self._is_lost("sensors") else (201, [self.sensors[-1]])
        assert headers["Authorization"] == "Bearer rec"
        self.records += [(path, record) for record in told["records"]]
        return "drop" if self._is_lost("records") else (201, {})

    def _is_lost(self, what: str) -> bool:
        if what in self.lost:
            self.lost.remove(what)
            return True
        return False


@pytest.fixture
def pulse(receiver):
    return Stadtpuls(receiver)


@pytest.fixture
def make_pulse(add, receiver, pulse):
    def make(password="pw"):  # noqa: S107 - a test
        url = receiver.url
        return add(
            "stadtpuls", login=f"{url}/token", sensors=f"{url}/sensors", records=f"{url}/api", email="a@example.org",
            password=password, apikey="key", token="rec", category="1",
        )  # fmt: skip

    return make


def test_stadtpuls_gets_each_sensor_once_and_its_records(make_pulse, pulse, arrive):
    puls = make_pulse()
    arrive(400.0, 410.0, name="co2", unit="ppm")
    run(puls)
    arrive(420.0, name="co2", unit="ppm")
    arrive(21.0)
    run(puls)
    assert len(pulse.sensors) == GivenId.objects.count() == 2
    assert [(path, record["measurements"]) for path, record in pulse.records] == [
        ("/api/1/records", [400.0]), ("/api/1/records", [410.0]), ("/api/1/records", [420.0]),
        ("/api/2/records", [21.0]),
    ]  # fmt: skip
    assert all(len(one["name"]) < 50 for one in pulse.sensors)
    assert counts(puls) == (4, 0, 0, 0)


def test_a_lost_answer_registers_no_sensor_twice_and_may_double_records(make_pulse, pulse, arrive):
    puls = make_pulse()
    pulse.lost = ["sensors", "records"]
    arrive(1.0)
    for _ in range(3):
        run(puls)
    assert len(pulse.sensors) == 1
    # The interface has no key for records; the page of the forwarder says so.
    assert [record["measurements"] for _path, record in pulse.records] == [[1.0], [1.0]]
    assert "may be there twice" in str(kinds()["stadtpuls"].repeats)
    assert counts(puls) == (1, 0, 0, 0)


def test_a_wrong_password_there_is_no_fault_of_the_rows(make_pulse, pulse, arrive):
    puls = make_pulse(password="wrong")
    arrive(1.0)
    run(puls)
    assert "invalid_grant" in puls.answer
    assert counts(puls) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("kind", "settings", "field"),
    [
        ("webhook", {"url": "ftp://example.org"}, "url"),
        ("webhook", {"url": "https://example.org", "secret": "short"}, "secret"),
        ("influxdb", {"url": "https://example.org?x=1", "bucket": "b"}, "url"),
        ("influxdb", {"url": "https://example.org"}, "bucket"),
        ("mqtt", {"host": "example.org", "port": "0"}, "port"),
        ("mqtt", {"host": "example.org/x", "port": "1883"}, "host"),
        ("sensorthings", {"url": "http://10.0.0.1/v1.1"}, "url"),
        ("stadtpuls", {"login": "https://example.org"}, "sensors"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_their_field(add, kind, settings, field):
    with pytest.raises(InvalidInput) as refused:
        add(kind, **settings)
    assert refused.value.field == field
