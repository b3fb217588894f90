"""Admin pages of commands."""

from django.contrib import admin

from fleet.commands.models import Command
from fleet.core.admin import ReadOnlyAdmin


@admin.register(Command)
class CommandAdmin(ReadOnlyAdmin):
    """Commands, their recipients and states."""

    list_display = ("issued_at", "station", "name", "state", "issued_by_name", "expires_at")
    list_filter = ("state", "name")
    list_select_related = ("station",)
    search_fields = ("station__serial",)
    ordering = ("-issued_at",)
