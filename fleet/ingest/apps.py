"""The Django application `fleet.ingest`."""

from django.apps import AppConfig


class IngestConfig(AppConfig):
    """Registers the models of `fleet.ingest`."""

    name = "fleet.ingest"
    label = "ingest"
    default_auto_field = "django.db.models.BigAutoField"
