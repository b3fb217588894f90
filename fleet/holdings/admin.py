"""Admin page of the files that stations hold."""

from django.contrib import admin

from fleet.core.admin import ReadOnlyAdmin
from fleet.holdings.models import HeldFile, StationHolding


@admin.register(HeldFile)
class HeldFileAdmin(ReadOnlyAdmin):
    """Files on stations' own disks, as their manifests list them."""

    list_display = ("station", "path", "octets", "is_gone", "said_at")
    list_select_related = ("station",)
    search_fields = ("station__serial", "path")


@admin.register(StationHolding)
class StationHoldingAdmin(ReadOnlyAdmin):
    """Totals of stations' manifests."""

    list_display = ("station", "held", "held_octets", "waiting", "refused", "received_at")
    list_select_related = ("station",)
    search_fields = ("station__serial",)
