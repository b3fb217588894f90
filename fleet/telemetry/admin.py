"""Admin pages of series and the delivery ledger; measurements have too many rows for a page here."""

from django.contrib import admin

from fleet.core.admin import EditableAdmin, ReadOnlyAdmin
from fleet.telemetry.keeping.models import RetentionRule
from fleet.telemetry.models import Series, StreamLedger


@admin.register(Series)
class SeriesAdmin(ReadOnlyAdmin):
    """Measured quantities."""

    list_display = ("station", "name", "unit", "last_at", "last_value")
    list_select_related = ("station",)
    search_fields = ("station__serial", "name")


@admin.register(StreamLedger)
class StreamLedgerAdmin(ReadOnlyAdmin):
    """Received messages per stream. The ranges themselves are on the station's page."""

    list_display = ("station", "stream", "messages", "repeats", "oldest_seq", "next_seq", "last_at")
    list_select_related = ("station",)
    search_fields = ("station__serial", "stream")
    exclude = ("received",)


@admin.register(RetentionRule)
class RetentionRuleAdmin(EditableAdmin):
    """Rules of which readings are stored, and for how long."""

    list_display = ("organization", "station", "pattern", "raw_days", "hour_days", "day_days", "most", "interval_s")
    list_select_related = ("organization", "station")
