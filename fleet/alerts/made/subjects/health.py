"""Health: a figure of the station's health reports, such as its battery, disk or backlog."""

from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from fleet.alerts.made.subjects.base import Subject
from fleet.core.errors import InvalidInput
from fleet.telemetry.quantities import HEALTH, PREFIX


def _series_name(what: str) -> str:
    if what not in HEALTH:
        raise InvalidInput(
            _("There is no figure %(name)s: choose one of %(known)s.")
            % {"name": what[:40], "known": ", ".join(sorted(HEALTH))},
            field="what",
        )
    return PREFIX + what


SUBJECT = Subject(
    name="health",
    label=pgettext_lazy("subject of a rule", "a figure of its health"),
    series_name=_series_name,
    said=lambda what: str(HEALTH[what].label) if what in HEALTH else what,
    unit=lambda what: HEALTH[what].unit if what in HEALTH else "",
    choices={name: quantity.label for name, quantity in HEALTH.items()},
)
