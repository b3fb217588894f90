"""Flat: values within some time differ by no more than a limit, as they do when a sensor is stuck."""

from collections.abc import Mapping
from math import nextafter

from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from fleet.alerts.made.conditions.base import HIGH, Condition, Limits, filled, whole_spans
from fleet.core.errors import InvalidInput


def _limits(values: Mapping[str, float | None]) -> Limits:
    # A difference of exactly the limit is flat, too: 0 means that nothing moves.
    least = nextafter(filled(values, HIGH, 0.0), 1e300)
    return Limits(low=least, clear_low=least)


def _check(values: Mapping[str, float]) -> None:
    if values[HIGH] < 0:
        raise InvalidInput(_("Enter a difference of 0 or more."), field=HIGH)


CONDITION = Condition(
    name="flat",
    label=pgettext_lazy("condition", "changing by no more than the upper limit, for some time"),
    needs=(HIGH,),
    takes=(),
    limits=_limits,
    check=_check,
    said=pgettext_lazy("it is …", "flat: it changes by no more than %(high)s within %(within)s"),
    derive=whole_spans,
)
