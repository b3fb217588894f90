"""The agent's knowledge of its host, and its reports to systemd and to people."""

import os
import socket
import time

import psutil
import pytest
from agent.messages_of import outbox_messages

from station_agent import host, systemd
from station_agent.clock import quality as clock
from station_agent.host import Processor, disk_read, memory_read, process_exists, processors_count, temperature_read
from station_agent.sources import sources_make
from station_agent.sources.host_health import HostHealthSettings, health_read, radios_find
from station_agent.station import card_key_read
from station_agent.words import bytes_say, moment_say, seconds_say


def test_health_says_what_can_be_known(make_station):
    station = make_station(sources={"sensorgnome": {"enabled": False}})
    station.warn("test", "Something is wrong.")
    source = sources_make(station)["host_health"]
    before = time.time()
    wait = source.poll()
    ((kind, health),) = outbox_messages(station.outbox)
    assert kind == "health"
    assert before - 1 <= health.at <= time.time()
    assert 15 <= wait <= health.next_in
    assert 300 <= health.next_in <= 316
    assert health.disk_free_bytes == pytest.approx(psutil.disk_usage("/").free, rel=0.05)
    assert health.memory_percent > 0
    assert health.boot_count == 1
    assert health.backlog.messages == 0
    assert "Something is wrong." in health.warnings
    source.poll()
    assert len(outbox_messages(station.outbox)) == 1
    station.report_now()
    source.poll()
    assert len(outbox_messages(station.outbox)) == 2


def test_the_machine_is_read_as_psutil_reads_it():
    memory, disk = memory_read(), disk_read("/")
    theirs = psutil.virtual_memory()
    assert memory.total == theirs.total
    assert memory.available == pytest.approx(theirs.available, rel=0.1)
    assert memory.percent == pytest.approx(theirs.percent, abs=10)
    assert disk.percent == pytest.approx(psutil.disk_usage("/").percent, abs=1)
    assert processors_count() == psutil.cpu_count()
    assert process_exists(os.getpid())
    assert not process_exists(2**22 + 1)
    processor, until = Processor(), time.process_time() + 0.3
    while time.process_time() < until:
        pass
    assert 0 < processor.percent() <= 100


def test_what_the_machine_does_not_say_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "_PROC", tmp_path)
    assert memory_read() == (0, 0, 0.0)
    assert Processor().percent() == 0.0
    (tmp_path / "thermal").write_text("48312\n")
    assert temperature_read(tmp_path / "thermal") == 48.3


def test_drops_are_reported(make_station):
    station = make_station()
    with station.outbox.database.transaction() as sql:
        sql.execute("INSERT INTO dropped VALUES ('detections', 7)")
    sources_make(station)["host_health"].poll()
    health = [body for kind, body in outbox_messages(station.outbox) if kind == "health"][-1]
    assert health.dropped == {"detections": 7}


def test_boots_are_counted_by_the_kernels_own_id(make_station, monkeypatch):
    assert make_station().boot_count == 1
    again = make_station()
    assert again.boot_count == 1
    monkeypatch.setattr("station_agent.station.boot_id_read", lambda: "another")
    assert make_station().boot_count == 2


def test_the_card_has_a_key_of_its_own(tmp_path):
    key = card_key_read(tmp_path)
    assert len(key) == 32
    assert card_key_read(tmp_path) == key
    assert (tmp_path / "card.key").stat().st_mode & 0o777 == 0o600


def test_radios_by_the_names_that_udev_gives(tmp_path):
    for name in ("funcubeProPlus.port=6.alsaDev=6.usbPath=1:11.port_path=1_5_3", "CTT.port=1.x", "notes"):
        (tmp_path / name).touch()
    assert [(radio.port, radio.type) for radio in radios_find(tmp_path)] == [(1, "CTT"), (6, "funcubeProPlus")]
    assert radios_find(tmp_path / "none") == []


def test_radios_and_warnings_beyond_those_that_a_report_lists_are_counted(make_station, tmp_path):
    for port in range(40):
        (tmp_path / f"CTT.port={port}.x").touch()
    station = make_station()
    for number in range(50):
        station.warn(f"w{number}", f"Warning {number}.")
    settings = HostHealthSettings(radios=str(tmp_path))
    health = health_read(station, settings, Processor(), next_in=60.0)
    assert (len(health.radios), len(health.warnings)) == (32, 32)
    assert "There are 40 radios; 8 of them are not listed." in station.vitals.warnings.values()
    waiting = len(station.vitals.warnings) - 31
    assert health.warnings[-1] == f"There are {waiting} more warnings."
    for port in range(10, 40):
        (tmp_path / f"CTT.port={port}.x").unlink()
    health_read(station, settings, Processor(), next_in=60.0)
    assert "radios" not in station.vitals.warnings


@pytest.mark.parametrize(
    ("chrony", "timedatectl", "code", "error"),
    [
        ("C0A80001,10.0.0.1,3,1,-0.0002,0.0,0.0,0.0,0.0,0.0,0.001,0.0001,64.0,Normal", "", "W", 0.0008),
        ("7F7F0101,,10,1,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,Not synchronised", "", "P", None),
        ("", "yes\n", "Z", None),
        ("", "no\n", "P", None),
        ("506 Cannot talk to daemon", "", None, None),
        ("a,b,c,d,e,f,g,h,i,j,k,l,m,n", "", None, None),
    ],
)
def test_the_clock_code(monkeypatch, chrony, timedatectl, code, error):
    monkeypatch.setattr(clock, "_answer", lambda program, *_: chrony if program == "chronyc" else timedatectl)
    found = clock.clock_read()
    assert (found.code if found else None) == code
    assert (found.error_s if found else None) == pytest.approx(error)


def test_systemd_is_told(tmp_path, monkeypatch):
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(address)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        systemd.notify("READY=1")
        assert door.recv(100) == b"READY=1"
    systemd.notify("READY=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    systemd.notify("READY=1")


def test_the_watchdog_is_fed_twice_in_its_time(monkeypatch):
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert systemd.watchdog_seconds() is None
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    assert systemd.watchdog_seconds() == 30.0
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() + 1))
    assert systemd.watchdog_seconds() is None


def test_figures_as_people_say_them():
    assert [bytes_say(n) for n in (0, 999, 1_400, 123_456_789, 5e12)] == ["0 B", "999 B", "1.4 kB", "123 MB", "5000 GB"]
    assert [seconds_say(n) for n in (4, 61, 11_520, 200_000)] == ["4 s", "1 min", "3 h 12 min", "2 d 7 h"]
    assert (moment_say(None), moment_say(0)) == ("never", "1970-01-01 00:00:00 UTC")
