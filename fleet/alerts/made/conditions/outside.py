"""Outside: a value less than one limit or greater than another."""

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from fleet.alerts.made.conditions.base import CLEAR_HIGH, CLEAR_LOW, HIGH, LOW, Condition, Limits, clear_refuse, filled
from fleet.core.errors import InvalidInput


def _limits(values: Mapping[str, float | None]) -> Limits:
    low, high = filled(values, LOW, 0.0), filled(values, HIGH, 0.0)
    return Limits(low, high, filled(values, CLEAR_LOW, low), filled(values, CLEAR_HIGH, high))


def _check(values: Mapping[str, float]) -> None:
    low, high = values[LOW], values[HIGH]
    if low >= high:
        raise InvalidInput(_("The lower limit must be less than the upper one."), field=LOW)
    if values.get(CLEAR_LOW, low) < low:
        raise clear_refuse(CLEAR_LOW)
    if values.get(CLEAR_HIGH, high) > high:
        raise clear_refuse(CLEAR_HIGH)
    if values.get(CLEAR_LOW, low) > values.get(CLEAR_HIGH, high):
        raise InvalidInput(_("No value would end the incident: leave room between the two."), field=CLEAR_LOW)


CONDITION = Condition(
    name="outside",
    label=pgettext_lazy("condition", "outside the two limits"),
    needs=(LOW, HIGH),
    takes=(CLEAR_LOW, CLEAR_HIGH),
    limits=_limits,
    check=_check,
    said=pgettext_lazy("it is …", "outside %(low)s to %(high)s"),
)
