"""Durations are in units that people say."""

import pytest

from fleet.core.spoken import duration_words

DAY = 86_400


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (11_520, "3 h 12 min"),
        (2 * DAY + 4 * 3_600, "2 d 4 h"),
        (30 * DAY, "30 days"),
        (729 * DAY, "729 days"),
        (1_807 * DAY, "4.9 years"),
    ],
)
def test_a_duration_is_in_units_that_people_say(seconds, words):
    assert duration_words(seconds) == words
