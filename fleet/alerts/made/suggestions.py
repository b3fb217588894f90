"""Rules to begin with: some for every station, some for the kinds of devices that an organization has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.stations.models.sorting import StationModel

Kind = StationModel.Kind
#: Models for which rules are suggested.
_MODELS_MOST = 10


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A rule to begin with: its name, the model that it is for (empty: all stations), and the fields of the form."""

    name: str
    model: str
    fields: Mapping[str, str]


_ALL: Final[tuple[tuple[Promise, Mapping[str, str]], ...]] = (
    (
        _("Backlog grows"),
        {
            "subject": "health.backlog_messages",
            "condition": "above",
            "high": "5000",
            "clear_high": "500",
            "for_min": "360",
        },
    ),
    (
        _("No sun for a day"),
        {"subject": "health.solar_v", "condition": "below", "low": "5", "clear_low": "10", "for_min": "1440"},
    ),
)
_BY_KIND: Final[Mapping[str, tuple[tuple[Promise, Mapping[str, str]], ...]]] = {
    Kind.RECEIVER: (
        (
            _("Battery gets low"),
            {"subject": "health.battery_v", "condition": "below", "low": "12.2", "clear_low": "12.6", "for_min": "60"},
        ),
        (
            _("Warm inside"),
            {
                "subject": "health.temperature_c",
                "condition": "above",
                "high": "65",
                "clear_high": "60",
                "for_min": "30",
            },
        ),
    ),
    Kind.AIR_QUALITY: (
        (
            _("Stale air"),
            {
                "subject": "series",
                "series": "co2",
                "unit": "ppm",
                "condition": "above",
                "high": "1400",
                "clear_high": "1000",
                "for_min": "15",
            },
        ),
        (_("CO₂ sensor stopped"), {"subject": "series", "series": "co2", "condition": "missing", "for_min": "120"}),
    ),
    Kind.BOARD: (
        (
            _("Memory fills up"),
            {
                "subject": "health.memory_percent",
                "condition": "above",
                "high": "90",
                "clear_high": "80",
                "for_min": "60",
            },
        ),
    ),
}


def suggestion_list(*, organization: Organization) -> list[Suggestion]:
    """Rules to begin with, for the models of an organization's stations. One query."""
    stations = Station.objects.filter(organization=organization, retired_at=None, deleted_at=None)
    models = stations.exclude(model=None).order_by("model__name").values_list("model__name", "model__kind").distinct()
    found = [Suggestion(str(name), "", {"name": str(name), **fields}) for name, fields in _ALL]
    for model, kind in models[:_MODELS_MOST]:
        for name, fields in _BY_KIND.get(kind, ()):
            found.append(
                Suggestion(str(name), model, {"name": str(name), **fields, "scope": "model", "of": model})
            )  # fmt: skip
    return found
