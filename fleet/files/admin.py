"""Admin pages of station files, and the quota for stored ones."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from fleet.core.admin import EditableAdmin, ReadOnlyAdmin
from fleet.files.models import StationFile, StoreAccount


@admin.register(StationFile)
class StationFileAdmin(ReadOnlyAdmin):
    """Data files of which rows have arrived."""

    list_display = ("station", "name", "rows", "first_received_at", "last_received_at")
    list_select_related = ("station",)
    search_fields = ("station__serial", "name")


@admin.register(StoreAccount)
class StoreAccountAdmin(EditableAdmin):
    """Number and size of an organization's stored files, and its quota, the only field that can be changed."""

    list_display = ("organization", "files", "octets", "quota_octets")
    list_select_related = ("organization",)
    readonly_fields = ("organization", "files", "octets")
    search_fields = ("organization__name",)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Never: uploads and the sweep create the accounts."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Never: an account counts files that exist."""
        return False
