"""Django app config of `fleet.organizations`."""

from django.apps import AppConfig


class OrganizationsConfig(AppConfig):
    """Registers the models of `fleet.organizations`."""

    name = "fleet.organizations"
    label = "organizations"
    default_auto_field = "django.db.models.BigAutoField"
