"""Rows of pulses packed together are those that are packed one by one."""

from hypothesis import given
from hypothesis import strategies as st

from fleet.ingest.rows.pulses import pulse_rows
from fleet.ingest.rows.tables import detection_row, detection_tail

_NUMBER = st.floats(allow_nan=False)


@st.composite
def _messages(draw):
    rows = draw(st.integers(1, 8))

    def column(of):
        return st.lists(of, min_size=rows, max_size=rows)

    ports = draw(st.one_of(st.integers(0, 999), column(st.integers(0, 999))))
    moments, lines = draw(column(st.integers(-(2**60), 2**60))), draw(column(st.integers(0, 2**31 - 1)))
    figures = draw(st.tuples(*[st.one_of(st.just([]), column(_NUMBER))] * 5))
    used = draw(st.one_of(st.just([]), column(st.booleans())))
    return rows, ports, moments, lines, figures, used


@given(_messages(), st.integers(0, 2**60), st.integers(0, 255), st.one_of(st.none(), st.integers(0, 2**60)))
def test_rows_packed_together_are_those_packed_one_by_one(message, station_id, flags, file_id):
    rows, ports, moments, lines, figures, used = message
    tail, received, kind = detection_tail(file_id), 7, 1
    one_by_one = [
        detection_row(
            *(station_id, moments[n], ports[n] if isinstance(ports, list) else ports, kind, lines[n], received),
            tuple(column[n] if column else None for column in figures),
            *(None, used[n] if used else True, flags, tail),
        )
        for n in range(rows)
    ]
    together = pulse_rows(station_id, moments, ports, kind, lines, received, figures, used, flags, tail)
    assert together == one_by_one
