"""Admin pages of station files."""

from django.contrib import admin

from fleet.core.admin import ReadOnlyAdmin
from fleet.files.models import StationFile


@admin.register(StationFile)
class StationFileAdmin(ReadOnlyAdmin):
    """Data files of which rows have arrived."""

    list_display = ("station", "name", "rows", "first_received_at", "last_received_at")
    list_select_related = ("station",)
    search_fields = ("station__serial", "name")
