"""Django app config of `fleet.core`."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Registers the models of `fleet.core`."""

    name = "fleet.core"
    label = "core"
    default_auto_field = "django.db.models.BigAutoField"
