"""Django app config of `fleet.stations`."""

from django.apps import AppConfig


class StationsConfig(AppConfig):
    """Registers the models of `fleet.stations`."""

    name = "fleet.stations"
    label = "stations"
    default_auto_field = "django.db.models.BigAutoField"
