"""Admin pages of sites and deployments."""

from django.contrib import admin

from fleet.core.admin import EditableAdmin
from fleet.deployments.models import Deployment, Site


@admin.register(Site)
class SiteAdmin(EditableAdmin):
    """Sites."""

    list_display = ("name", "organization", "latitude", "longitude", "timezone")
    list_filter = ("organization",)
    search_fields = ("name",)


@admin.register(Deployment)
class DeploymentAdmin(EditableAdmin):
    """Deployments."""

    list_display = ("station", "site", "period")
    list_select_related = ("station", "site")
    search_fields = ("station__serial", "site__name")
    autocomplete_fields = ("station", "site")
