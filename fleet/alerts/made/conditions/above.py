"""Above: a value greater than a limit."""

from collections.abc import Mapping

from django.utils.translation import pgettext_lazy

from fleet.alerts.made.conditions.base import CLEAR_HIGH, HIGH, Condition, Limits, clear_refuse, filled


def _limits(values: Mapping[str, float | None]) -> Limits:
    high = filled(values, HIGH, 0.0)
    return Limits(high=high, clear_high=filled(values, CLEAR_HIGH, high))


def _check(values: Mapping[str, float]) -> None:
    if values.get(CLEAR_HIGH, values[HIGH]) > values[HIGH]:
        raise clear_refuse(CLEAR_HIGH)


CONDITION = Condition(
    name="above",
    label=pgettext_lazy("condition", "above the upper limit"),
    needs=(HIGH,),
    takes=(CLEAR_HIGH,),
    limits=_limits,
    check=_check,
    said=pgettext_lazy("it is …", "above %(high)s"),
)
