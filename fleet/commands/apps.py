"""The Django application `fleet.commands`."""

from django.apps import AppConfig


class CommandsConfig(AppConfig):
    """Registers the models of `fleet.commands`."""

    name = "fleet.commands"
    label = "commands"
    default_auto_field = "django.db.models.BigAutoField"
