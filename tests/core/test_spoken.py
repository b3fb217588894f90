"""Durations as people say them."""

import pytest
from django.utils.translation import override

from fleet.core.spoken import duration_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (3 * 3_600 + 12 * 60, "3 h 12 min"),
        (2 * 86_400 + 4 * 3_600, "2 d 4 h"),
        (30 * 86_400, "30 days"),
        (729 * 86_400, "729 days"),
        (1_807 * 86_400, "4.9 years"),
    ],
)
def test_a_duration_has_the_units_that_people_say(seconds, words):
    with override("en"):
        assert duration_words(seconds) == words


def test_years_have_the_decimal_mark_of_the_language():
    with override("de"):
        assert duration_words(1_807 * 86_400).startswith("4,9 ")
