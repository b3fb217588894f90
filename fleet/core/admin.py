"""Admin pages of `fleet.core`, and base classes for editable and read-only pages."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from fleet.core.audit import audit_write
from fleet.core.models import AuditEntry, DeadJob, Outage, OutboxMessage, Pulse

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    # Generic only for the type checker.
    _ModelAdmin = admin.ModelAdmin


class EditableAdmin(_ModelAdmin):
    """Base of admin pages with editable rows. Every change is also written to the organization's audit log."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Record that a row was added."""
        _audit(request, "admin.add", obj, message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Record that a row was changed; `message` names the fields."""
        _audit(request, "admin.change", obj, message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Record that rows are about to be deleted."""
        for row in queryset:
            _audit(request, "admin.delete", row, [])
        return super().log_deletions(request, queryset)


class ReadOnlyAdmin(_ModelAdmin):
    """Read-only pages for rows that only services write."""

    #: Counting a big table costs more than showing the page.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Forbid adding rows."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Forbid changing rows."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Forbid deleting rows."""
        return False


def _organization_of(row: Any) -> int | None:
    """Id of the row's own organization, or of its station's."""
    found: int | None = row.organization_id if hasattr(row, "organization_id") else row.station.organization_id
    return found


def _audit(request: HttpRequest, action: str, row: Model, message: Any) -> None:
    parts = message if isinstance(message, list) else []
    fields = [name for part in parts for name in part.get("changed", {}).get("fields", [])]
    audit_write(
        actor=request.user,
        organization_id=_organization_of(row),
        action=action,
        subject=f"{row._meta.verbose_name} {row}",  # noqa: SLF001 - Django's place for it
        detail={"fields": ", ".join(fields)} if fields else {},
    )


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """The audit log."""

    list_display = ("at", "actor_name", "action", "subject")
    list_filter = ("action",)
    search_fields = ("subject", "actor_name")
    ordering = ("-at",)


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """Outbox messages."""

    list_display = ("created_at", "target", "routing_key", "attempts", "published_at")
    list_filter = ("target",)
    ordering = ("-id",)


@admin.register(Pulse)
class PulseAdmin(ReadOnlyAdmin):
    """When each part of Roost last worked."""

    list_display = ("name", "beat_at")


@admin.register(Outage)
class OutageAdmin(ReadOnlyAdmin):
    """Times when Roost itself was not listening."""

    list_display = ("name", "started_at", "ended_at")
    ordering = ("-ended_at",)


@admin.register(DeadJob)
class DeadJobAdmin(ReadOnlyAdmin):
    """Jobs that killed their workers. To retry or discard them, use `./roost manage jobs`."""

    list_display = ("found_at", "task", "state", "decided_at")
    list_filter = ("state", "task")
    ordering = ("-id",)
