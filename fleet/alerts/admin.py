"""Admin pages of incidents and notifications."""

from django.contrib import admin

from fleet.alerts.models import Incident, Notification, Trouble
from fleet.core.admin import ReadOnlyAdmin


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    """Incidents, with when they opened and closed."""

    list_display = ("opened_at", "closed_at", "station", "rule", "sentence")
    list_filter = ("rule",)
    list_select_related = ("station",)
    search_fields = ("station__serial",)
    ordering = ("-opened_at",)


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """Notifications about incidents."""

    list_display = ("created_at", "phase", "channel", "recipient", "state", "attempts", "last_error")
    list_filter = ("state", "channel")
    ordering = ("-created_at",)


@admin.register(Trouble)
class TroubleAdmin(ReadOnlyAdmin):
    """Problems of the server itself."""

    list_display = ("began_at", "ended_at", "about", "sentence", "told_at")
    list_filter = ("about",)
    ordering = ("-began_at",)
