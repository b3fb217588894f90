"""Admin pages of data packages."""

from django.contrib import admin

from fleet.core.admin import ReadOnlyAdmin
from fleet.exports.models import AnalystLogin, DataPackage, PackageSchedule, ScheduledPart


@admin.register(DataPackage)
class DataPackageAdmin(ReadOnlyAdmin):
    """Data packages of all organizations, and what became of them."""

    list_display = ("organization", "state", "asked_by_name", "asked_at", "rows", "bytes", "reason")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "asked_by_name")


@admin.register(PackageSchedule)
class PackageScheduleAdmin(ReadOnlyAdmin):
    """Repeated packages of all organizations."""

    list_display = ("organization", "name", "every", "target", "created_by_name", "next_start", "failing_since")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "name")


@admin.register(ScheduledPart)
class ScheduledPartAdmin(ReadOnlyAdmin):
    """The periods of repeated packages, and what became of each."""

    list_display = ("schedule", "start_at", "state", "revision", "place", "rows", "done_at", "reason")
    list_select_related = ("schedule",)
    search_fields = ("schedule__name", "place")


@admin.register(AnalystLogin)
class AnalystLoginAdmin(ReadOnlyAdmin):
    """Analysts' logins to the database; the command line creates and removes them."""

    list_display = ("organization", "name", "role", "connections", "minutes", "created_at", "created_by_name")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "name", "role")
