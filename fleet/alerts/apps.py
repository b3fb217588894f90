"""The Django application `fleet.alerts`."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """Registers the models of `fleet.alerts`."""

    name = "fleet.alerts"
    label = "alerts"
    default_auto_field = "django.db.models.BigAutoField"
