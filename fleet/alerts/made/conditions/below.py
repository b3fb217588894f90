"""Below: a value less than a limit."""

from collections.abc import Mapping

from django.utils.translation import pgettext_lazy

from fleet.alerts.made.conditions.base import CLEAR_LOW, LOW, Condition, Limits, clear_refuse, filled


def _limits(values: Mapping[str, float | None]) -> Limits:
    low = filled(values, LOW, 0.0)
    return Limits(low=low, clear_low=filled(values, CLEAR_LOW, low))


def _check(values: Mapping[str, float]) -> None:
    if values.get(CLEAR_LOW, values[LOW]) < values[LOW]:
        raise clear_refuse(CLEAR_LOW)


CONDITION = Condition(
    name="below",
    label=pgettext_lazy("condition", "below the lower limit"),
    needs=(LOW,),
    takes=(CLEAR_LOW,),
    limits=_limits,
    check=_check,
    said=pgettext_lazy("it is …", "below %(low)s"),
)
