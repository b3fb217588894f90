"""Admin pages of stations and their logins.

Stations are registered and retired on the site's own pages.
"""

from django.contrib import admin
from django.http import HttpRequest

from fleet.core.admin import EditableAdmin, ReadOnlyAdmin
from fleet.stations.models import Credential, EnrolmentToken, Station, StationContact


@admin.register(Station)
class StationAdmin(EditableAdmin):
    """The fields of a station that can change without touching the broker."""

    list_display = ("serial", "name", "organization", "generation", "retired_at")
    list_filter = ("organization", "is_in_maintenance")
    list_select_related = ("organization",)
    search_fields = ("serial", "name")
    fields = (
        *(
            "serial",
            "organization",
            "name",
            "notes",
            "operator_interval_s",
            "is_in_maintenance",
            "maintenance_until",
            "asleep_until",
        ),
        *("quota_messages_per_s", "quota_bytes_per_hour"),
    )
    readonly_fields = ("serial", "organization")

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Forbid adding: a station is registered on the site or the command line."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Station | None = None) -> bool:  # noqa: ARG002
        """Forbid deleting: the admin pages never delete a station or its data."""
        return False


@admin.register(StationContact)
class StationContactAdmin(ReadOnlyAdmin):
    """Contact state of each station."""

    list_display = ("station", "state", "last_contact_at", "late_after", "silent_after")
    list_filter = ("state",)
    list_select_related = ("station",)
    search_fields = ("station__serial",)


@admin.register(Credential)
class CredentialAdmin(ReadOnlyAdmin):
    """Logins on the broker."""

    list_display = ("username", "issued_at", "revoked_at")
    search_fields = ("username",)


@admin.register(EnrolmentToken)
class EnrolmentTokenAdmin(ReadOnlyAdmin):
    """Enrolment tokens without their hashes."""

    list_display = ("station", "created_by", "created_at", "expires_at", "used_at")
    list_select_related = ("station", "created_by")
    exclude = ("token_hash",)
