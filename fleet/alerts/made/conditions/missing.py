"""Missing: no value for some time, while the station goes on reporting other ones."""

from collections.abc import Mapping

from django.utils.translation import pgettext_lazy

from fleet.alerts.made.conditions.base import Condition, Limits


def _limits(_values: Mapping[str, float | None]) -> Limits:
    return Limits()


def _check(_values: Mapping[str, float]) -> None:
    """Nothing to check: it takes no limit."""


CONDITION = Condition(
    name="missing",
    label=pgettext_lazy("condition", "missing, while the station reports"),
    needs=(),
    takes=(),
    limits=_limits,
    check=_check,
    said=pgettext_lazy("it is …", "missing"),
    is_absence=True,
)
