"""Django app config of `fleet.files`."""

from django.apps import AppConfig


class FilesConfig(AppConfig):
    """Registers the models of `fleet.files`."""

    name = "fleet.files"
    label = "files"
    default_auto_field = "django.db.models.BigAutoField"
