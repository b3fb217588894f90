"""Times on the reader's clock: how they are printed, where days begin, and the hours that clocks skip or show twice."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.utils import timezone, translation

from fleet.core.errors import InvalidInput
from fleet.core.spoken import (
    count_words,
    day_words,
    decimal_words,
    local_words,
    moment_words,
    moments_kept,
    moments_told,
    stamp_words,
)
from fleet.core.zones import (
    day_start,
    day_starts,
    offset_words,
    typed_moment,
    viewer_time,
    viewer_zone_name,
    zone_choices,
    zone_of,
    zone_words,
)
from web.assets import catalogues_compile

NOW = datetime(2026, 10, 14, 22, 6, 12, tzinfo=UTC)
TORONTO = zone_of("America/Toronto")


@pytest.fixture
def in_toronto():
    with timezone.override(TORONTO):
        yield


@pytest.fixture(scope="module")
def catalogues():
    catalogues_compile()
    translation.trans_real._translations.clear()


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(0), "18:06"),
        (timedelta(hours=18), "00:06"),
        (timedelta(hours=19), "yesterday 23:06"),
        (timedelta(days=2), "Mon 18:06"),
        (timedelta(days=6), "Thu 18:06"),
        (timedelta(days=7), "7 Oct 18:06"),
        (timedelta(days=-1), "tomorrow 18:06"),
        (timedelta(days=-2), "16 Oct 18:06"),
        (timedelta(days=365), "14 Oct 2025"),
    ],
)
def test_a_time_is_as_short_as_it_is_clear(in_toronto, ago, words):
    assert local_words(NOW - ago, NOW) == moment_words(NOW - ago, NOW) == words


def test_seconds_and_the_day_are_there_where_they_are_asked_for(in_toronto):
    assert local_words(NOW, NOW, exact=True) == "18:06:12"
    assert local_words(NOW - timedelta(days=365), NOW, exact=True) == "14 Oct 2025 18:06:12"
    assert stamp_words(NOW) == "14 Oct 2026 18:06 (America/Toronto, UTC\u22124)"
    # Midnight has passed in UTC only.
    assert day_words(datetime(2026, 10, 15, 1, tzinfo=UTC)) == "14 Oct 2026"


def test_without_a_zone_of_one_s_own_a_sentence_says_utc():
    assert moment_words(NOW, NOW) == "22:06 UTC"
    assert moment_words(NOW - timedelta(days=365), NOW) == "14 Oct 2025"
    assert (stamp_words(NOW), zone_words(NOW)) == ("14 Oct 2026 22:06 UTC", "UTC")


@pytest.mark.parametrize(
    ("language", "words", "number"),
    [
        ("en", ["yesterday 18:06", "Mon 18:06", "7 Oct 18:06", "14 Oct 2025"], "12.5"),
        ("de", ["gestern 18:06", "Mo 18:06", "7. Okt. 18:06", "14. Okt. 2025"], "12,5"),
        ("fr", ["hier 18:06", "lun. 18:06", "7 oct. 18:06", "14 oct. 2025"], "12,5"),
    ],
)
def test_each_language_has_its_own_form(in_toronto, catalogues, language, words, number):
    with translation.override(language):
        assert [moment_words(NOW - timedelta(days=days), NOW) for days in (1, 2, 7, 365)] == words
        assert decimal_words(12.5, 1) == number
        assert (count_words(1_234_567), decimal_words(1234.5, 0)) == ("1\u202f234\u202f567", "1\u202f234")


def test_a_stored_sentence_is_completed_for_each_reader():
    with moments_kept():
        kept = f"Silent since {moment_words(NOW, NOW)}."
    assert kept == "Silent since \u27e82026-10-14T22:06:12Z\u27e9."
    later = NOW + timedelta(days=1)
    assert moments_told(kept, later) == "Silent since yesterday 22:06 UTC."
    with timezone.override(TORONTO):
        assert moments_told(kept, later) == "Silent since yesterday 18:06."
    with timezone.override(zone_of("Asia/Kolkata")):
        assert moments_told(kept, later) == "Silent since yesterday 03:36."
    assert moments_told("Nothing \u27e8here\u27e9.", later) == "Nothing \u27e8here\u27e9."


def test_days_begin_at_the_reader_s_midnight_also_when_they_have_23_or_25_hours(in_toronto):
    assert day_start(NOW) == datetime(2026, 10, 14, 4, tzinfo=UTC)
    assert day_start(NOW, days=-6) == datetime(2026, 10, 8, 4, tzinfo=UTC)
    # Clocks go back on 1 November, and forward on 8 March.
    autumn = list(day_starts(datetime(2026, 10, 31, tzinfo=UTC), datetime(2026, 11, 3, 12, tzinfo=UTC)))
    assert [viewer_time(at).hour for at in autumn] == [0, 0, 0, 0]
    hours = [(later.astimezone(UTC) - at.astimezone(UTC)) / timedelta(hours=1) for at, later in pairwise(autumn)]
    assert hours == [24, 25, 24]
    spring = list(day_starts(datetime(2026, 3, 8, 5, tzinfo=UTC), datetime(2026, 3, 9, 5, tzinfo=UTC)))
    assert [at.astimezone(UTC) for at in spring] == [
        datetime(2026, 3, 8, 5, tzinfo=UTC),
        datetime(2026, 3, 9, 4, tzinfo=UTC),
    ]


def test_a_skipped_hour_is_refused_with_the_one_that_exists():
    with pytest.raises(InvalidInput, match=r"no 02:30 on that day in America/Toronto.*Enter 03:30"):
        typed_moment(datetime.fromisoformat("2026-03-08T02:30"), TORONTO)


def test_a_doubled_hour_needs_the_word_which_of_the_two():
    twice = datetime.fromisoformat("2026-11-01T01:30")
    with pytest.raises(InvalidInput, match=r"01:30 happens twice on that day"):
        typed_moment(twice, TORONTO)
    assert typed_moment(twice, TORONTO, turn=0) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert typed_moment(twice, TORONTO, turn=1) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    assert [offset_words(twice.replace(tzinfo=TORONTO, fold=fold)) for fold in (0, 1)] == ["UTC\u22124", "UTC\u22125"]


def test_zones_have_places_in_their_names_and_old_names_are_understood():
    assert zone_of("Asia/Calcutta").key == "Asia/Kolkata"
    assert zone_of("../../etc/passwd") is zone_of("") is zone_of("Mars/Base") is None
    choices = dict(zone_choices("US/Eastern"))
    assert ("America/New_York", "New York") in choices["America"]
    assert choices["UTC"] == [("UTC", "UTC")]
    # A zone that somebody has already stays on offer.
    assert choices["US"] == [("US/Eastern", "Eastern")]
    with timezone.override(zone_of("Asia/Kathmandu")):
        assert (viewer_zone_name(), zone_words(NOW)) == ("Asia/Kathmandu", "Asia/Kathmandu, UTC+5:45")
