"""The burst rule: enough pulses of one port and frequency within one short span."""

from hypothesis import given
from hypothesis import strategies as st

from formats.sensorgnome.bursts import BurstRule, Heard, bursts_find

RULE = BurstRule(3, 0.5, 0.5)


def heard(*pulses):
    return [Heard(port, int(at * 1_000_000), freq) for port, at, freq in pulses]


def test_a_tag_among_noise():
    tag = [(3, 10.00, 2.6), (3, 10.02, 2.7), (3, 10.04, 2.6), (3, 10.07, 2.6)]
    noise = [(3, 9.9, -4.0), (3, 10.03, 9.0), (1, 10.02, 2.6), (3, 12.0, 2.6)]
    assert bursts_find(heard(*tag, *noise), RULE) == [True] * 4 + [False] * 4


def test_two_pulses_are_no_burst_and_neither_are_pulses_without_a_frequency():
    assert bursts_find(heard((1, 1.0, 2.0), (1, 1.1, 2.0)), RULE) == [False, False]
    assert bursts_find(heard((1, 1.0, None), (1, 1.1, None), (1, 1.2, None)), RULE) == [False] * 3


def test_all_pulses_of_a_burst_are_within_one_span():
    # Each has two neighbours within half a second, but no half second contains all three.
    assert bursts_find(heard((1, 0.0, 1.0), (1, 0.4, 1.0), (1, 0.8, 1.0)), RULE) == [False] * 3
    assert bursts_find(heard((1, 0.0, 1.0), (1, 0.25, 1.0), (1, 0.5, 1.0)), RULE) == [True] * 3


@given(
    st.lists(
        st.tuples(st.integers(1, 2), st.floats(0, 3, allow_nan=False), st.floats(0, 2, allow_nan=False)), max_size=25
    )
)
def test_the_rule_as_it_is_written(pulses):
    rows = heard(*pulses)
    found = bursts_find(rows, RULE)
    for own, answer in zip(rows, found, strict=True):
        near = sorted(r.at for r in rows if r.port == own.port and abs(r.freq - own.freq) <= RULE.khz)
        spans = [
            [at for at in near if start <= at <= start + RULE.microseconds]
            for start in near
            if start <= own.at <= start + RULE.microseconds
        ]
        assert answer == any(len(span) >= RULE.pulses for span in spans)
