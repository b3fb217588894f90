"""The next steps are real ones, or none if there is nothing to do; and every figure of health has its word."""

from datetime import UTC, datetime, timedelta

import pytest
from one_each import incident_open
from people import station_of

from fleet.core import clock
from fleet.stations.contact.health_marks import health_of
from fleet.stations.models import StationContact
from sg_status.pages.station.health import health_rows, trend_of

HOUR = timedelta(hours=1)
NOON = datetime(2026, 10, 14, 12, tzinfo=UTC)


def page_of(browse, who, station):
    return browse(who).get(f"/stations/{station.serial}/")


def steps_of(browse, who, station) -> list[str]:
    return [step.what for step in page_of(browse, who, station).context["steps"]]


def health_make(station, **health) -> None:
    now = clock.now()
    StationContact.objects.filter(station=station).update(
        health={"at": now.timestamp(), **health}, health_received_at=now, health_occurred_at=now
    )


@pytest.mark.django_db
def test_a_station_that_is_fine_has_nothing_to_do(browse, operator, institute):
    station = station_of(institute, state="on_time")
    health_make(station, battery_v=12.9, disk_percent=40.0)
    assert steps_of(browse, operator, station) == []
    assert "What to do" not in page_of(browse, operator, station).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "health", "first"),
    [
        ("on_time", {"battery_v": 11.4}, "Check the battery on site."),
        ("silent", {"battery_v": 11.4, "solar_v": 3.0}, "Check the battery on site."),
        ("on_time", {"disk_percent": 97.0}, "Make room on its card."),
        ("on_time", {"temperature_c": 80.0}, "Give it shade and air."),
        ("on_time", {"radios": [{"port": 3, "state": "error"}]}, "Restart the radio on port 3."),
        ("silent", {"signal_dbm": -115.0}, "Check the antenna of its modem."),
        ("silent", {}, "Check its network and power."),
    ],
)
def test_the_first_step_is_about_the_likeliest_cause(browse, operator, institute, state, health, first):
    station = station_of(institute, state=state)
    health_make(station, **health)
    assert steps_of(browse, operator, station)[0] == first


@pytest.mark.django_db
def test_each_step_that_is_done_on_a_page_leads_there(browse, operator, viewer, institute):
    station = station_of(institute, state="silent")
    StationContact.objects.filter(station=station).update(clock_offset_s=-9_000.0)
    for rule in ("wrong_time", "hardware_swap"):
        incident_open(station=station, rule=rule, sentence="Wrong.", moment=clock.now())
    steps = page_of(browse, operator, station).context["steps"]
    led = {step.what: step.address for step in steps}
    assert led["Say whether this is still the same station."].endswith("/hardware/")
    assert led["Move its data to the right time."].endswith("/clock/")
    assert [step.what for step in steps].index("Check its GPS antenna.") < list(led).index(
        "Move its data to the right time."
    )
    assert "Send it a ping." not in steps_of(browse, viewer, station), "a viewer cannot"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "first"),
    [
        ({}, "Create an enrolment token."),
        ({"generation": 1}, "See at the station whether its agent runs."),
        ({"suspended_at": NOON}, "Find out what it sends."),
        ({"is_in_maintenance": True}, "End the maintenance when the work is done."),
    ],
)
def test_a_station_that_is_new_or_set_aside_has_other_steps(browse, operator, institute, fields, first):
    assert steps_of(browse, operator, station_of(institute, **fields))[0] == first


@pytest.mark.django_db
def test_of_a_retired_station_nothing_is_to_do(browse, operator, institute):
    station = station_of(institute, state="silent", retired_at=NOON)
    health_make(station, battery_v=11.4)
    assert steps_of(browse, operator, station) == []


def words_of(contact: StationContact, **known: object) -> dict[str, tuple[str, str, bool]]:
    health = health_of(contact)
    assert health is not None
    return {row.name: (row.value, row.word, row.is_bad) for row in health_rows(health, contact, **known)}


def test_every_figure_says_whether_it_is_fine():
    contact = StationContact(
        health={
            "at": 0.0, "battery_v": 11.4, "disk_percent": 41.0, "disk_free_bytes": 17 * 2**30, "memory_percent": 30.0,
            "cpu_percent": 100.0, "signal_dbm": -84.0, "clock": {"code": "W", "source": "GPS"}, "uptime_s": 363_600.0,
            "boot_count": 18, "radios": [{"port": 1, "state": "running"}, {"port": 2, "state": "stopped"}],
            "dropped": {"pulses": 7}, "warnings": ["The fan is loud."],
        },
        backlog_messages=18, backlog_bytes=2_048, clock_offset_s=0.5,
    )  # fmt: skip
    falling = [(NOON - number * HOUR, 12.0 + number / 20) for number in range(72)][::-1]
    rows = words_of(contact, battery=falling)
    assert rows["Battery"] == ("11.4\u00a0V", "low, falling", True)
    assert rows["Storage"] == ("41 % used", "17 GB free", False)
    assert rows["Memory"] == ("30 % used", "fine", False)
    assert rows["Processor"] == ("100 % busy", "high", True)
    assert rows["Mobile signal"] == ("\u221284\u00a0dBm", "good", False)
    assert rows["Clock"] == ("GPS", "within 1\u00a0ms", False)
    assert rows["Radios"] == ("1 of 2", "port 2 is off", True)
    assert rows["Running for"] == ("4 d 5 h", "18 starts", False)
    assert rows["Backlog"] == ("18", "messages waiting, 2.0 kB", False)
    assert rows["Dropped"] == ("7", "messages, because its outbox was full", True)
    assert rows["Warning"] == ("\u2013", "The fan is loud.", True)


def test_a_clock_that_nothing_keeps_is_told_with_its_distance_and_its_jumps():
    contact = StationContact(health={"at": 0.0, "clock": {"code": "P"}}, clock_offset_s=-7_200.0)
    assert words_of(contact, jumps=2)["Clock"] == (
        "\u2013", "no time source, 2 h behind ours, 2 jumps in 30 days", True,
    )  # fmt: skip
    right = StationContact(health={"at": 0.0}, clock_offset_s=1.0)
    assert words_of(right)["Clock"] == ("\u2013", "same as ours", False)
    assert words_of(right, has_wrong_times=True)["Clock"][1:] == ("its data has wrong times", True)


def test_day_and_night_are_no_trend():
    swinging = [(NOON + number * HOUR, 12.5 + (number % 24) / 24) for number in range(72)]
    assert trend_of(swinging) == ""
    assert trend_of([(at, value + number / 50) for number, (at, value) in enumerate(swinging)]) == "rising"
    assert trend_of(swinging[:3]) == ""
    assert trend_of([]) == ""
