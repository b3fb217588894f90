"""Django app config of `fleet.forward`."""

from django.apps import AppConfig


class ForwardConfig(AppConfig):
    """Registers the models of `fleet.forward`."""

    name = "fleet.forward"
    label = "forward"
    default_auto_field = "django.db.models.BigAutoField"
