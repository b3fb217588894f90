"""The Django application `fleet.telemetry`."""

from django.apps import AppConfig


class TelemetryConfig(AppConfig):
    """Registers the models of `fleet.telemetry`."""

    name = "fleet.telemetry"
    label = "telemetry"
    default_auto_field = "django.db.models.BigAutoField"
