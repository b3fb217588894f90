"""Django app config of `fleet.exports`."""

from django.apps import AppConfig


class ExportsConfig(AppConfig):
    """Registers the models of `fleet.exports`."""

    name = "fleet.exports"
    label = "exports"
    default_auto_field = "django.db.models.BigAutoField"
