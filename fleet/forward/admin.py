"""Admin pages of forwarders and taps."""

from django.contrib import admin

from fleet.core.admin import ReadOnlyAdmin
from fleet.forward.models import Forwarder, Tap


@admin.register(Forwarder)
class ForwarderAdmin(ReadOnlyAdmin):
    """Forwarders of all organizations, without addresses and secrets."""

    list_display = ("organization", "name", "kind", "paused_at", "rows_sent", "rows_refused", "failing_since")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "name")
    exclude = ("settings", "sealed_secrets")


@admin.register(Tap)
class TapAdmin(ReadOnlyAdmin):
    """Taps of all organizations, without the hashes of their secrets."""

    list_display = ("organization", "name", "queue", "waiting", "readers", "dropped", "last_taken_at")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "name", "queue")
    exclude = ("secret_hash",)
