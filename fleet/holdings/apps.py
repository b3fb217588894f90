"""Django app config of `fleet.holdings`."""

from django.apps import AppConfig


class HoldingsConfig(AppConfig):
    """Registers the models of `fleet.holdings`."""

    name = "fleet.holdings"
    label = "holdings"
    default_auto_field = "django.db.models.BigAutoField"
