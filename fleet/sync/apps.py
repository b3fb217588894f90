"""The Django application `fleet.sync`."""

from django.apps import AppConfig


class SyncConfig(AppConfig):
    """Registers the models of `fleet.sync`."""

    name = "fleet.sync"
    label = "sync"
    default_auto_field = "django.db.models.BigAutoField"
