"""Changing: values within some time differ by more than a limit."""

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from fleet.alerts.made.conditions.base import CLEAR_HIGH, HIGH, Condition, Limits, clear_refuse, filled, spans
from fleet.core.errors import InvalidInput


def _limits(values: Mapping[str, float | None]) -> Limits:
    high = filled(values, HIGH, 0.0)
    return Limits(high=high, clear_high=filled(values, CLEAR_HIGH, high))


def _check(values: Mapping[str, float]) -> None:
    if values[HIGH] <= 0:
        raise InvalidInput(_("Enter a difference of more than 0."), field=HIGH)
    if values.get(CLEAR_HIGH, values[HIGH]) > values[HIGH]:
        raise clear_refuse(CLEAR_HIGH)


CONDITION = Condition(
    name="changing",
    label=pgettext_lazy("condition", "changing by more than the upper limit, within some time"),
    needs=(HIGH,),
    takes=(CLEAR_HIGH,),
    limits=_limits,
    check=_check,
    said=pgettext_lazy("it is …", "changing by more than %(high)s within %(within)s"),
    derive=spans,
)
