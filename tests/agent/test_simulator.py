"""Simulated stations behave like real ones on the wire, each in its own way, and repeatably from a seed."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from agent.messages_of import plain, rows_counted
from waiting import PATIENCE_S

from message_queue.contracts.detections import Detections
from station_agent.simulator.feed import MemoryFeed
from station_agent.simulator.fleet import stations_read
from station_agent.simulator.power import Battery
from station_agent.simulator.season import WAVE_NIGHTS, Place, Season
from station_agent.simulator.traffic import UNSET_CLOCK, Traffic

REPOSITORY = Path(__file__).parents[2]
NOON = 1_790_000_000.0
DAY = 86_400


def traffic(behaviour="normal", seed=1, hours=24.0, step=600.0, serial="SG-7F5ERPI46977"):
    world = Traffic(serial, seed=seed, started_at=NOON, boot_count=3, behaviour=behaviour)
    messages, at = [], NOON
    while at < NOON + hours * 3_600:
        messages += world.messages(at, at + step)
        at += step
    return messages


def test_the_same_seed_gives_the_same_traffic():
    assert [plain(m.body) for m in traffic(hours=2)] == [plain(m.body) for m in traffic(hours=2)]
    assert [plain(m.body) for m in traffic(hours=2)] != [plain(m.body) for m in traffic(hours=2, seed=2)]


def test_a_day_is_plausible_and_every_line_is_understood():
    messages = traffic()
    counted = rows_counted([(m.kind, m.body) for m in messages])
    assert set(counted) == {"p", "n", "T", "G", "clock", "setting"}
    assert counted["clock"] == 2 * DAY / 600
    assert counted["G"] == 2 * DAY / 300
    assert 2_000 < counted["p"] < 200_000
    assert 200 < counted["T"] < 50_000
    hours = Counter()
    for message in messages:
        if isinstance(message.body, Detections):
            hours.update(int(message.body.bt + t) // 3_600 % 24 for t in message.body.t)
    assert max(hours.values()) > 3 * min(hours[hour] for hour in range(24))


def test_hours_at_once_make_messages_that_the_contracts_take():
    messages = [message for message in traffic("noisy", step=3 * 3_600.0) if message.kind == "detections"]
    for message in messages:
        msgspec.json.decode(msgspec.json.encode(message.body), type=Detections)
    assert max(len(message.body.t) for message in messages) <= 1_000 < sum(len(m.body.t) for m in messages) / 8
    lines = [line for message in messages for line in message.body.line if message.body.what == "pulse"]
    assert len(set(lines)) > 1_000


def test_each_behaviour_shows():
    noisy = rows_counted([(m.kind, m.body) for m in traffic("noisy", hours=1)])
    quiet = rows_counted([(m.kind, m.body) for m in traffic(hours=1)])
    assert noisy["n"] > 20 * quiet["n"]
    wrong = traffic("wrong_clock", hours=1)
    assert {m.body.clock for m in wrong} == {"P"}
    assert all(UNSET_CLOCK <= m.body.bt < UNSET_CLOCK + DAY for m in wrong if m.kind == "detections")


SHORE = [Place(f"SG-{n:02d}", 41.9 + n * 0.08, -82.5 + n * 0.3) for n in range(12)]


def tags_by_day(season, place, days=8):
    return [
        {stay.tag for stay in season.heard(place.serial, NOON + d * DAY, NOON + (d + 1) * DAY)} for d in range(days)
    ]


def test_migrants_pass_along_the_shore_in_waves_and_residents_stay():
    season = Season(SHORE, seed=1)
    first, last = tags_by_day(season, SHORE[1]), tags_by_day(season, SHORE[-2])
    for days in (first, last):
        assert len(set.intersection(*days[:3], *days[4:6])) <= 3
        assert [tag for tag in set().union(*days) if sum(tag in day for day in days) >= 5], "no residents"
        assert max(map(len, days)) > 2 * min(map(len, days)), "some nights have far more birds than others"
    peaks = [
        max(range(WAVE_NIGHTS), key=lambda d, days=days: len(days[d]) + len(days[d + 4])) for days in (first, last)
    ]
    assert peaks[0] != peaks[1], "a wave takes days from one end of the shore to the other"
    night = [(stay, place) for place in SHORE for stay in season.heard(place.serial, NOON, NOON + 4 * DAY)]
    ways = {}
    for stay, place in sorted(night, key=lambda each: each[0].begin):
        ways.setdefault(stay.tag, []).append(place.longitude)
    chains = [way for way in ways.values() if len(set(way)) >= 3]
    assert len(chains) > 10, "the same tag is heard at one station after another"
    assert all(way == sorted(way) for way in chains)


def test_a_season_is_the_same_however_it_is_asked():
    def told(step):
        season = Season(SHORE, seed=3)
        world = Traffic("SG-04", seed=3, started_at=NOON, boot_count=1, behaviour="normal", season=season)
        at, tags = NOON, Counter()
        while at < NOON + DAY:
            for message in world.messages(at, at + step):
                if message.kind == "detections" and message.body.what == "tag":
                    tags.update(message.body.tag)
            at += step
        return tags

    assert set(told(900.0)) == set(told(3_600.0))
    assert 50 < sum(told(900.0).values()) < 5_000


def test_a_battery_follows_sun_and_clouds_and_one_fails():
    season = Season(SHORE, seed=1)
    hours = [NOON + hour * 3_600 for hour in range(7 * 24)]
    good = Battery(season, at=NOON)
    volts = [good.volts(at)[0] for at in hours]
    assert 12.2 < min(volts) < max(volts) < 14, "no alert on any date, not even after days of clouds"
    clear = [season.clear(NOON + d * DAY) for d in range(7)]
    assert min(clear) < 0.3
    assert max(clear) > 0.8
    failing = Battery(season, at=NOON, fails_at=NOON + 6 * DAY)
    assert failing.volts(hours[0])[0] > 12
    assert failing.volts(NOON + 6 * DAY)[0] < 11.4


def test_the_feed_keeps_a_messages_number():
    feed = MemoryFeed()
    for number in range(4):
        feed.put("health", {"at": float(number)})
    first = feed.take(3)
    feed.confirmed([1])
    feed.given_back([3, 2])
    again = feed.take(10)
    assert [m.message_id for m in again] == [first[1].message_id, first[2].message_id, f"{feed.stream}/4"]
    assert again[0].body == first[1].body
    assert again[0].headers["oldest"] == 2


@pytest.fixture
def simulator(tmp_path):
    """Run the simulator on entries that the test may change meanwhile."""
    path = tmp_path / "stations.json"
    running = []

    class Simulator:
        file = path

        def write(self, entries):
            path.write_bytes(msgspec.json.encode(entries))

        def start(self, *arguments):
            command = [sys.executable, "-m", "station_agent.simulator", "--stations", str(path), *arguments]
            running.append(subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True))
            return running[-1]

        def run(self, *arguments):
            command = [sys.executable, "-m", "station_agent.simulator", "--stations", str(path), *arguments]
            return subprocess.run(
                command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=PATIENCE_S
            )

    yield Simulator()
    for process in running:
        process.kill()
        process.wait()
        process.stderr.close()


def entry(station, **fields):
    return {"serial": station.serial, "amqp": station.amqp, "interval": 5} | fields


def kinds(found):
    return Counter(seen.decoded.envelope.kind for seen in found)


def test_a_fleet_reports_answers_and_ends(make_broker_station, simulator):
    normal, silent = make_broker_station(tls=True), make_broker_station()
    simulator.write([entry(normal), entry(silent, behaviour="silent")])
    process = simulator.start("--speed", "20")
    found = normal.see_until(lambda s: kinds(s)["health"] >= 3 and kinds(s)["event"] >= 1)
    assert kinds(found)["hello"] == 1
    for name in ("ping", "run_diagnostics"):
        assert normal.statuses(normal.command(name), last="succeeded")[0].state == "received"
    assert normal.statuses(normal.command("ping", expires_in=-5.0), last="expired")
    assert normal.statuses(normal.command("make_coffee"), last="refused")
    silent.see_until(lambda s: kinds(s)["health"] == 2)
    # Longer than the station would need for its next report at this speed. Nothing signals that no report comes.
    time.sleep(7)
    assert silent.see() == []
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
    assert process.stderr.read() == ""


def test_a_single_station_is_stopped_and_started_through_the_file(make_broker_station, simulator):
    one, two = make_broker_station(), make_broker_station()
    simulator.write([entry(one), entry(two)])
    simulator.start("--speed", "20")
    for station in (one, two):
        station.see_until(lambda s: kinds(s)["health"] >= 2)
    simulator.write([entry(one), entry(two, stopped=True)])
    time.sleep(2.5)
    two.see()
    one.see_until(lambda s: kinds(s)["health"] >= 2)
    assert two.see() == []
    simulator.write([entry(one), entry(two)])
    assert kinds(two.see_until(lambda s: kinds(s)["health"] >= 1))["hello"] == 1


def test_history_is_told_at_the_first_contact(make_broker_station, simulator):
    station = make_broker_station()
    simulator.write([entry(station)])
    simulator.start("--history", "3")
    found = station.see_until(lambda s: kinds(s)["health"] >= 18)
    moments = [seen.decoded.body.at for seen in found if seen.decoded.envelope.kind == "health"]
    assert time.time() - min(moments) > 2.5 * 3_600


def test_measuring(make_broker_station, simulator, tmp_path):
    stations = [make_broker_station() for _ in range(5)]
    simulator.write([entry(station) for station in stations])
    done = simulator.run("--rate", "4", "--seconds", "3", "--readings", "3", "--csv", str(tmp_path / "out.csv"))
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["stations"], figures["connected"], figures["messages"]) == (5, 5, figures["confirmed"])
    assert figures["messages"] in range(55, 61)
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == "station,stream,seq,published_at,confirmed_at"
    assert len(lines) == figures["messages"] + 1
    for station in stations:
        rows = {(row[1], int(row[2])) for row in (line.split(",") for line in lines[1:]) if row[0] == station.serial}
        seen = station.see()
        assert {s.key for s in seen} == rows
        assert all(len(s.decoded.body) == 3 for s in seen)
    assert all(float(row.split(",")[4]) >= float(row.split(",")[3]) for row in lines[1:])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not valid"),
        ('[{"serial": "a"}]', "amqp"),
        ('[{"serial": "a", "amqp": AMQP, "behaviour": "drunk"}]', "behaviour"),
        ('[{"serial": "a", "amqp": AMQP}, {"serial": "a", "amqp": AMQP}]', "names a twice"),
    ],
)
def test_a_wrong_file_is_one_sentence(simulator, text, words):
    amqp = '{"host":"h","port":1,"username":"u","password":"p","exchange":"in.a","command_queue":"cmd.a"}'
    simulator.file.write_text(text.replace("AMQP", amqp))
    done = simulator.run()
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_file_of_the_documentation_is_read(tmp_path):
    path = tmp_path / "stations.json"
    path.write_text(
        '[{"serial": "SG-1", "behaviour": "late", "amqp": {"host": "h", "port": 5671, "tls": true, "vhost": "fleet", '
        '"username": "u", "password": "p", "exchange": "in.SG-1", "command_queue": "cmd.SG-1", "ca_pem": ""}}]'
    )
    (station,) = stations_read(path)
    assert (station.behaviour, station.interval, station.stopped, station.place) == ("late", 300.0, False, None)
