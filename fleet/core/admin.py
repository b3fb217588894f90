"""Admin pages of `fleet.core`, and the base of all pages that only show."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from fleet.core.models import AuditEntry, DeadJob, Outage, OutboxMessage, Pulse

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    # Generic for the type checker only.
    _ModelAdmin = admin.ModelAdmin


class EditableAdmin(_ModelAdmin):
    """The base of pages on which rows may be changed."""


class ReadOnlyAdmin(_ModelAdmin):
    """Shows rows that only services may write."""

    #: Counting a big table costs more than the page.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Nothing is added here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Nothing is changed here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Nothing is deleted here."""
        return False


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who changed what."""

    list_display = ("at", "actor_name", "action", "subject")
    list_filter = ("action",)
    search_fields = ("subject", "actor_name")
    ordering = ("-at",)


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """What waits to be published."""

    list_display = ("created_at", "target", "routing_key", "attempts", "published_at")
    list_filter = ("target",)
    ordering = ("-id",)


@admin.register(Pulse)
class PulseAdmin(ReadOnlyAdmin):
    """What worked when."""

    list_display = ("name", "beat_at")


@admin.register(Outage)
class OutageAdmin(ReadOnlyAdmin):
    """When Roost itself was not listening."""

    list_display = ("name", "started_at", "ended_at")
    ordering = ("-ended_at",)


@admin.register(DeadJob)
class DeadJobAdmin(ReadOnlyAdmin):
    """Jobs that killed their workers; they are decided about with `./roost manage jobs`."""

    list_display = ("found_at", "task", "state", "decided_at")
    list_filter = ("state", "task")
    ordering = ("-id",)
