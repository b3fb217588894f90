"""Django app config of `fleet.status_pages`."""

from django.apps import AppConfig


class StatusPagesConfig(AppConfig):
    """Registers the models of `fleet.status_pages`."""

    name = "fleet.status_pages"
    label = "status_pages"
    default_auto_field = "django.db.models.BigAutoField"
