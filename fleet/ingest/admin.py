"""Admin page of quarantine; replaying and discarding happen on the site's own page."""

from django.contrib import admin

from fleet.core.admin import ReadOnlyAdmin
from fleet.ingest.models import QuarantinedMessage


@admin.register(QuarantinedMessage)
class QuarantinedMessageAdmin(ReadOnlyAdmin):
    """Messages that could not be accepted, and why."""

    list_display = ("received_at", "station", "reason", "sentence", "state")
    list_filter = ("state", "reason")
    list_select_related = ("station",)
    exclude = ("body",)
    ordering = ("-received_at",)
