"""Django app config of `fleet.wiki`."""

from django.apps import AppConfig


class WikiConfig(AppConfig):
    """Registers the models of `fleet.wiki`."""

    name = "fleet.wiki"
    label = "wiki"
    default_auto_field = "django.db.models.BigAutoField"
