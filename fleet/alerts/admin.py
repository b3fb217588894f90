"""Admin pages of incidents, destinations and notifications."""

from django.contrib import admin

from fleet.alerts.models import Destination, Incident, Notification, Trouble
from fleet.alerts.models.digest import Digest
from fleet.alerts.models.feed import IncidentFeed
from fleet.alerts.models.made import AlertRule
from fleet.alerts.models.shared import SharedFailure
from fleet.core.admin import ReadOnlyAdmin


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    """Incidents, with when they opened and closed."""

    list_display = ("opened_at", "closed_at", "station", "rule", "sentence")
    list_filter = ("rule",)
    list_select_related = ("station",)
    search_fields = ("station__serial",)
    ordering = ("-opened_at",)


@admin.register(Destination)
class DestinationAdmin(ReadOnlyAdmin):
    """Destinations of alerts. Their addresses often work as a password, so they are not shown."""

    list_display = ("created_at", "channel", "organization", "membership", "is_on", "last_result_at", "last_error")
    list_filter = ("channel", "is_on")
    list_select_related = ("organization", "membership")
    exclude = ("address", "sealed_address", "secret_seed")
    ordering = ("-created_at",)


@admin.register(Digest)
class DigestAdmin(ReadOnlyAdmin):
    """Members' choices to get digests."""

    list_display = ("membership", "rhythm", "is_on", "told_until", "due_at", "last_made_at", "last_error")
    list_filter = ("is_on", "rhythm")
    list_select_related = ("membership__user", "membership__organization")
    ordering = ("membership",)


@admin.register(IncidentFeed)
class IncidentFeedAdmin(ReadOnlyAdmin):
    """Secret addresses of incidents; the secret itself is not shown."""

    list_display = ("organization", "made_at")
    list_select_related = ("organization",)
    exclude = ("seed",)
    ordering = ("organization",)


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """Notifications about incidents."""

    list_display = ("created_at", "phase", "channel", "recipient", "state", "held_why", "attempts", "last_error")
    list_filter = ("state", "held_why", "channel")
    ordering = ("-created_at",)


@admin.register(SharedFailure)
class SharedFailureAdmin(ReadOnlyAdmin):
    """Failures that stations share."""

    list_display = ("opened_at", "closed_at", "organization", "cause", "name", "fallen", "total", "left_silent")
    list_filter = ("cause",)
    list_select_related = ("organization",)
    ordering = ("-opened_at",)


@admin.register(Trouble)
class TroubleAdmin(ReadOnlyAdmin):
    """Problems of the server itself."""

    list_display = ("began_at", "ended_at", "about", "sentence", "told_at")
    list_filter = ("about",)
    ordering = ("-began_at",)


@admin.register(AlertRule)
class AlertRuleAdmin(ReadOnlyAdmin):
    """Rules that people made."""

    list_display = ("name", "organization", "subject", "what", "condition", "is_on", "added_at")
    list_filter = ("is_on", "subject", "condition")
    list_select_related = ("organization",)
    ordering = ("organization", "name")
