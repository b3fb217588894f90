"""SenML's units: units of one dimension convert into each other and back, and no others do."""

import pytest

from message_queue.units import _SCALES, conversion, scale_of, second_of


def converted(value, unit, into):
    change = conversion(unit, into)
    return value if change is None else value * change.factor + change.offset


@pytest.mark.parametrize(
    ("value", "unit", "into", "wanted"),
    [
        (293.15, "K", "Cel", 20.0),
        (20, "Cel", "K", 293.15),
        (500, "m", "km", 0.5),
        (1, "km", "m", 1000),
        (12_600, "mV", "V", 12.6),
        (1013.25, "hPa", "Pa", 101_325),
        (36, "km/h", "m/s", 10),
        (-60, "dBm", "dBW", -90),
        (1, "kWh", "J", 3_600_000),
        (1, "kWh", "Wh", 1000),
        (400, "ppm", "/", 0.0004),
        (2, "h", "min", 120),
        (1, "g", "kg", 0.001),
        (3, "Cel", "Cel", 3),
    ],
)
def test_a_value_becomes_what_it_is_in_another_unit(value, unit, into, wanted):
    assert converted(value, unit, into) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("unit", sorted(_SCALES))
def test_every_unit_comes_back_from_its_dimension(unit):
    base = scale_of(unit).dimension
    assert converted(converted(7.25, unit, base), base, unit) == pytest.approx(7.25, rel=1e-12)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("%RH", "%EL"),
        ("%", "/"),
        ("%", "%RH"),
        ("lat", "lon"),
        ("Cel", "V"),
        ("count", "/"),
        ("W", "VA"),
        ("EL", "s"),
        ("Hz", "1/s"),
    ],
)
def test_what_only_looks_alike_is_never_converted(one, other):
    assert scale_of(one).dimension != scale_of(other).dimension


def test_a_unit_of_no_registry_is_a_dimension_of_its_own():
    assert scale_of("°C").dimension == "°C"
    assert scale_of("").dimension == ""


def test_a_second_of_a_unit_has_the_name_of_the_registry_where_it_has_one():
    assert [second_of(unit) for unit in ("W", "A", "m/s", "1/s", "Pa", "")] == ["J", "C", "m", "count", "Pa.s", ""]
