"""Django app config of `fleet.exports`."""

from django.apps import AppConfig


class ExportsConfig(AppConfig):
    """Makes the command line of `fleet.exports` known."""

    name = "fleet.exports"
    label = "exports"
    default_auto_field = "django.db.models.BigAutoField"
