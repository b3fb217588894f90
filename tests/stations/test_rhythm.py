"""Rhythms of stations that announce none: what is expected, when it is believed, and how often silence is false."""

import random
import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from people import station_of
from stations.lives import DAY, HOUR, MINUTE, Life

from fleet.core.models import Outage
from fleet.core.pulses import INGEST
from fleet.stations.contact.pauses import Pause, is_pause
from fleet.stations.contact.rhythm import UNKNOWN_INTERVAL_S, rhythm_of
from fleet.stations.contact.rhythm_words import rhythm_sentence
from fleet.stations.models import ContactDay

pytestmark = pytest.mark.django_db

START = datetime(2026, 9, 1, tzinfo=UTC)


@pytest.fixture
def life(institute):
    return Life(station_of(institute))


def hourly(
    start: datetime, days: float, *, jitter_min: float = 5, at: Collection[int] = range(24)
) -> Iterator[datetime]:
    """One contact in each of these hours of the day, some minutes early or late."""
    jitter = random.Random(7)
    for number in range(round(days * 24)):
        moment = start + number * HOUR
        if moment.hour in at:
            yield moment + 30 * MINUTE + jitter.uniform(-jitter_min / 2, jitter_min / 2) * MINUTE


def sentence(life: Life, moment: datetime) -> str:
    return rhythm_sentence(life.rhythm(moment), moment)


def test_an_hourly_station_is_never_silent_and_missed_within_four_hours(life):
    life.contacts(hourly(START, 16), learns_every=6)
    end = START + 16 * DAY
    assert life.silences == []
    rhythm = life.rhythm(end)
    assert rhythm.is_believed
    assert all(3_600 < seconds < 1.3 * 3_600 for seconds in rhythm.expected_s)
    assert 3 * HOUR < life.wait() < 4 * HOUR
    assert re.fullmatch(r"It usually reports every 5[5-9] to 6[1-5] min\.", sentence(life, end))


def test_a_station_that_sleeps_by_day_is_silent_once_and_then_waited_for_until_the_evening(life):
    at = [*range(20, 24), *range(5)]
    life.contacts(hourly(START, 15, at=at), learns_every=2)
    assert len(life.silences) == 1, "on its first morning the rhythm is still unknown"
    end = START + 15 * DAY
    rhythm = life.rhythm(end)
    assert 16 * 3_600 < rhythm.expected_s[4] < 18 * 3_600
    assert rhythm.expected_s[22] < 1.5 * 3_600
    assert rhythm.expected_s[12] > 16 * 3_600, "if it reports at noon for once, it may be gone until the evening"
    words = r"It usually reports every 5[5-9] to 6[1-5] min, but not between about 04:00 and 20:00\."
    assert re.fullmatch(words, sentence(life, end))
    # Three intervals of this pause would be two days; three missed contacts of its rhythm are one.
    life.contacts([end + 4.5 * HOUR])
    assert 17 * HOUR < life.wait() < 27 * HOUR
    life.contacts([end + 22.5 * HOUR])
    assert life.wait() < 4.5 * HOUR


def test_a_night_with_fewer_contacts_has_its_own_words_on_the_readers_clock(life):
    life.contacts(hourly(START, 15, at=[*range(6, 22), 0, 3]), learns_every=6)
    assert [at for at in life.silences if at > START + DAY] == []
    end = START + 15 * DAY
    assert sentence(life, end).endswith(" min, and between about 21:00 and 06:00 every 3 h.")
    with timezone.override(ZoneInfo("Asia/Kathmandu")):
        assert sentence(life, end).endswith(" min, and between about 02:45 and 11:45 every 3 h.")


@pytest.mark.parametrize("step", [24 * HOUR, 25 * HOUR])
def test_a_station_that_becomes_daily_is_silent_at_first_and_then_understood(life, step):
    life.contacts(hourly(START, 14), learns_every=6)
    moved = START + 14 * DAY + 10 * HOUR
    life.contacts([moved + number * step for number in range(10)])
    assert 1 <= len(life.silences) <= 4
    assert max(life.silences) <= moved + 4 * step
    end = moved + 9 * step + HOUR
    rhythm = life.rhythm(end)
    assert rhythm.change is not None
    assert rhythm.change.is_longer
    assert rhythm.is_believed
    words = "every day" if step == 24 * HOUR else "every 25 h"
    assert sentence(life, end).startswith("Since 1")
    assert sentence(life, end).endswith("; before, it reported every hour.")
    assert f"usually reports {words.replace('25 h', '1 d 1 h')};" in sentence(life, end)


def test_a_station_that_becomes_frequent_is_believed_hour_by_hour_and_after_two_weeks_at_all_hours(life):
    life.contacts([START + 10 * HOUR + number * DAY for number in range(14)])
    moved = START + 13 * DAY + 11 * HOUR
    life.contacts((moved + number * 2 * HOUR for number in range(5 * 12)), learns_every=4)
    rhythm = life.rhythm(moved + 5 * DAY)
    assert rhythm.change is not None
    assert not rhythm.change.is_longer
    assert rhythm.expected_s[3] < 9_000
    assert rhythm.expected_s[10] > 86_400, "with the next clouds it may be daily again"
    assert "usually reports every 2 h; before, it reported every day." in sentence(life, moved + 5 * DAY)
    life.contacts((moved + 5 * DAY + number * 2 * HOUR for number in range(10 * 12)), learns_every=12)
    assert max(life.rhythm(moved + 15 * DAY).expected_s) < 9_000
    assert [at for at in life.silences if at > START + 2 * DAY] == []


def test_too_few_contacts_are_not_believed_and_never_shorten_what_is_expected(life):
    assert life.rhythm(START) is None
    life.contacts((START + number * MINUTE for number in range(0, 2_800, 20)), learns_every=9)
    rhythm = life.rhythm(START + 2 * DAY)
    assert not rhythm.is_believed
    assert rhythm.expected_s == (UNKNOWN_INTERVAL_S,) * 24
    assert life.row.rhythm_s == [UNKNOWN_INTERVAL_S] * 24
    assert life.row.learned_interval_s is None
    assert sentence(life, START + 2 * DAY) == "It has not reported often enough for its rhythm to be known."
    life.contacts([START + 2 * DAY + 9 * HOUR])
    assert min(life.row.rhythm_s) > 9 * 3_600, "but a longer pause is believed at once"


def test_a_station_that_reports_every_six_hours_is_silent_once(life):
    life.contacts(START + number * 6 * HOUR for number in range(40))
    assert len(life.silences) == 1
    assert life.wait() < 21 * HOUR


def test_one_outage_of_the_station_changes_nothing(life):
    life.contacts(hourly(START, 8), learns_every=6)
    before = life.rhythm(START + 8 * DAY)
    life.contacts(hourly(START + 11 * DAY, 3), learns_every=6)
    assert len(life.silences) == 1
    after = life.rhythm(START + 14 * DAY)
    assert after.change is None
    assert max(after.expected_s) < 1.1 * max(before.expected_s)
    assert life.wait() < 4 * HOUR


def test_what_roost_did_not_hear_is_no_pause_of_the_station(life):
    life.contacts(hourly(START, 4), learns_every=6)
    Outage.objects.create(name=INGEST, started_at=START + 4 * DAY, ended_at=START + 6 * DAY)
    life.contacts(hourly(START + 6 * DAY, 3), learns_every=6)
    rhythm = life.rhythm(START + 9 * DAY)
    assert max(rhythm.expected_s) < 1.3 * 3_600
    Outage.objects.all().delete()
    assert sum(len(list(filter(None, row.pauses_s))) for row in ContactDay.objects.all()) > 100
    assert max(p for row in ContactDay.objects.all() for p in row.pauses_s if p) > 86_400


def test_a_restart_of_roost_every_night_does_not_keep_a_daily_station_unknown(life):
    for day in range(8):
        at = START + day * DAY + 3 * HOUR
        Outage.objects.create(name=INGEST, started_at=at, ended_at=at + 2 * MINUTE)
    life.contacts(START + day * DAY + 10 * HOUR for day in range(8))
    assert life.rhythm(START + 8 * DAY).is_believed
    Outage.objects.create(name=INGEST, started_at=START + 11 * HOUR, ended_at=START + 7 * DAY)
    assert life.rhythm(START + 8 * DAY) is None


@pytest.mark.parametrize("start", [datetime(2026, 10, 10, tzinfo=UTC), datetime(2026, 3, 14, tzinfo=UTC)])
def test_changed_clocks_make_no_silence(life, start):
    """A station that a person's local clock switches off from ten to six; clocks change after two weeks."""
    zone = ZoneInfo("Europe/Vienna")
    moments = (start + number * HOUR for number in range(22 * 24))
    life.contacts((at for at in moments if 6 <= at.astimezone(zone).hour < 22), learns_every=4)
    assert [at for at in life.silences if at > start + 2 * DAY] == []
    assert life.wait() < 16 * HOUR


def test_a_station_that_always_talks_has_the_shortest_rhythm():
    at = START + HOUR - timedelta(seconds=20)
    assert not is_pause(at - timedelta(seconds=40), at), "contacts within one hour count as one"
    assert is_pause(at, at + timedelta(seconds=40)), "but each hour is heard of"
    assert not is_pause(at, at - timedelta(seconds=40)), "another worker was quicker"
    rhythm = rhythm_of([Pause(500_000 + number, 40.0) for number in range(96)])
    assert rhythm.is_believed
    assert set(rhythm.expected_s) == {66.0}
    assert rhythm_sentence(rhythm, START) == "It usually reports every minute."


def test_weekends_without_contact_are_known_after_two(life):
    moments = (START + number * HOUR for number in range(5 * 7 * 24))
    life.contacts((at for at in moments if at.weekday() < 5), learns_every=6)
    assert len([at for at in life.silences if at > START + 14 * DAY]) == 0


def test_no_pauses_are_no_rhythm():
    assert rhythm_of([]) is None
