"""Series: any measured quantity, by its name, or all in one unit."""

from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from fleet.alerts.made.subjects.base import Subject
from fleet.core.errors import InvalidInput

_NAME_MOST = 128


def _series_name(what: str) -> str:
    name = what.strip()
    if not name or len(name) > _NAME_MOST or not name.isprintable():
        raise InvalidInput(_("Enter the name of a series, such as temp, or * for all in the unit."), field="what")
    return name


SUBJECT = Subject(
    name="series",
    label=pgettext_lazy("subject of a rule", "a series, by its name"),
    series_name=_series_name,
    said=lambda what: what,
    unit=lambda _what: "",
    choices={},
)
