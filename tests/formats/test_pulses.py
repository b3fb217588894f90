"""Pulses read by columns give the same result as reading line by line, whatever other lines are among them."""

from hypothesis import example, given
from hypothesis import strategies as st

from formats.sensorgnome import pulses
from formats.sensorgnome.lines import line_read
from formats.sensorgnome.pulses import lines_read

_WHOLE = st.integers(-999, 999).map(str)
_PLACES = st.decimals(-200, 200, places=3).map(str)
_ODD = st.sampled_from(["", "-", "-.5", "5.", "1e5", "1_0", "nan", "undefined", "p1", "٣", "9" * 400, "1-2", " 1"])
_FIGURE = st.one_of(_PLACES, _PLACES, _WHOLE, _ODD)
_SECONDS = st.one_of(
    st.integers(1_777_593_600_0000, 1_777_597_200_0000).map(lambda n: f"{n // 10_000}.{n % 10_000:04d}"),
    st.sampled_from(["1777593600", "0.1", "5.1234567", "-3.5", "1777593600.", ".5", "1.2.3", "99999999999.9", "", "x"]),
)
_HEAD = st.one_of(
    st.tuples(st.sampled_from("pn"), st.integers(0, 12)).map(lambda head: f"{head[0]}{head[1]}"),
    st.sampled_from(["p", "n", "p1234", "pp1", "p-1", "p1.", "P1", "p٣"]),
)
_ALIKE = st.tuples(st.sampled_from(["p1", "p2", "n10"]), _SECONDS.filter(lambda text: len(text) == 15), _PLACES)
_SIMPLE = st.builds(lambda each, more: ",".join([*each, "-38.5", "-53", *more]), _ALIKE, st.sampled_from([[], ["7"]]))
_PULSE = st.builds(
    lambda head, at, figures, end: ",".join([head, at, *figures]) + end,
    *(_HEAD, _SECONDS, st.lists(_FIGURE, min_size=2, max_size=5)),
    st.sampled_from(["", "", "", "\r", "\x00"]),
)
_OTHER = st.sampled_from(["", "G,1777593600,45.1,-64.3,12", "C,1777593600.1,6,0.5", "S,1,2,m,3", "pnoise", "n", "\x00"])


def _as_one_by_one(texts: list[str]) -> None:
    raws = [text.encode() for text in texts]
    # Compare their text, because -0.0 equals 0.0, and True equals 1.
    assert repr(lines_read(raws)) == repr(list(map(line_read, raws)))


@given(st.lists(_SIMPLE, max_size=20))
def test_lines_of_one_form_are_read_as_one_by_one(texts: list[str]) -> None:
    """Try whole chunks in the forms that writers use."""
    _as_one_by_one(texts)


@given(st.lists(st.one_of(_SIMPLE, _PULSE, _OTHER), max_size=20))
@example(["p1,1777593600.1234,1,2,3,p1", "p1,1777593600.1234,1,2"])
@example(["p1,1777593600.1234,1,2,3", "p1,1777593600.1234,1,2,3,4"])
@example(["p1,1777593600.1234,1,2,3", "p1,17775936001.234,1,2,3"])
@example(["p1,1777593600.1234,1,2,3", "p1,1777593600-1234,1,2,3"])
def test_whatever_stands_among_them(texts: list[str]) -> None:
    """Mix in odd pulses, other lines, line ends of other systems, and zeros."""
    _as_one_by_one(texts)


def test_pulses_of_one_form_are_not_read_one_by_one(monkeypatch):
    """Otherwise reading by columns would save nothing."""
    slowly = []
    monkeypatch.setattr(pulses, "line_read", lambda raw: slowly.append(raw) or line_read(raw))
    raws = [f"p{1 + n % 4},{1_777_593_600 + n}.1234,2.6,-38.87,-53.61".encode() for n in range(50)]
    clock = b"C,1777593600.1,6,0.5"
    read = lines_read([*raws[:25], clock, *raws[25:]])
    assert slowly == [clock]
    assert [each.line.at for each in read[26:]] == [(1_777_593_600 + n) * 1_000_000 + 123_400 for n in range(25, 50)]
