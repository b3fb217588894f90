"""Admin pages of forwarders."""

from django.contrib import admin

from fleet.core.admin import ReadOnlyAdmin
from fleet.forward.models import Forwarder


@admin.register(Forwarder)
class ForwarderAdmin(ReadOnlyAdmin):
    """Forwarders of all organizations, without addresses and secrets."""

    list_display = ("organization", "name", "kind", "paused_at", "rows_sent", "rows_refused", "failing_since")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "name")
    exclude = ("settings", "sealed_secrets")
