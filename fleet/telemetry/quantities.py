"""Names and units of the series that Roost makes from health reports; any other series keeps its own name."""

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from fleet.stations.contact.health_marks import BATTERY
from fleet.telemetry.models import Series

PREFIX: Final = "health/"
BACKLOG: Final = "backlog_messages"


@dataclass(frozen=True, slots=True)
class PlottedQuantity:
    """A series' name for people, its SenML unit, and the limit below which somebody should look at it."""

    label: Promise
    unit: str
    low: float | None = None


#: By their name in the health report, in the order in which a page offers them.
HEALTH: Final[dict[str, PlottedQuantity]] = {
    "battery_v": PlottedQuantity(_("Battery"), "V", low=BATTERY.bad),
    "solar_v": PlottedQuantity(_("Solar panel"), "V"),
    "temperature_c": PlottedQuantity(_("Board temperature"), "Cel"),
    "power_w": PlottedQuantity(pgettext_lazy("quantity", "Power"), "W"),
    "signal_dbm": PlottedQuantity(_("Mobile signal"), "dBm"),
    BACKLOG: PlottedQuantity(_("Backlog"), "count"),
    "cpu_percent": PlottedQuantity(_("Processor"), "%"),
    "load1": PlottedQuantity(_("Processor queue"), "/"),
    "memory_percent": PlottedQuantity(_("Memory"), "%"),
    "disk_percent": PlottedQuantity(_("Storage"), "%"),
    "bytes_sent": PlottedQuantity(_("Data sent"), "B"),
    "bytes_received": PlottedQuantity(_("Data received"), "B"),
}
_ORDER: Final = {f"{PREFIX}{name}": place for place, name in enumerate(HEALTH)}


def quantity_of(series: Series) -> PlottedQuantity | None:
    """The registered quantity of a series; None if stations chose its name."""
    return HEALTH.get(series.name.removeprefix(PREFIX)) if series.name.startswith(PREFIX) else None


def series_label(series: Series) -> str:
    """The series' name for people: `Battery`, or its own name, with the unit where the name alone is not enough."""
    known = quantity_of(series)
    return str(known.label) if known and not series.is_other else series.reference


def series_place(series: Series) -> tuple[int, str]:
    """The place of a series among those of its station: the registered ones first, in their order, then by name."""
    return _ORDER.get(series.name, len(_ORDER)), series.name
