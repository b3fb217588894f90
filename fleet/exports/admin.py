"""Admin pages of data packages."""

from django.contrib import admin

from fleet.core.admin import ReadOnlyAdmin
from fleet.exports.models import DataPackage


@admin.register(DataPackage)
class DataPackageAdmin(ReadOnlyAdmin):
    """Data packages of all organizations, and what became of them."""

    list_display = ("organization", "state", "asked_by_name", "asked_at", "rows", "bytes", "reason")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "asked_by_name")
