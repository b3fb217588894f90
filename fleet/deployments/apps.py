"""Django app config of `fleet.deployments`."""

from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    """Registers the models of `fleet.deployments`."""

    name = "fleet.deployments"
    label = "deployments"
    default_auto_field = "django.db.models.BigAutoField"
