"""Admin pages of `fleet.core`, and the base of all pages that only show."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from fleet.core.audit import audit_write
from fleet.core.models import AuditEntry, DeadJob, Outage, OutboxMessage, Pulse

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    # Generic for the type checker only.
    _ModelAdmin = admin.ModelAdmin


class EditableAdmin(_ModelAdmin):
    """The base of pages on which rows may be changed; what is changed stands in the organization's audit log too."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """A row was added."""
        _audit(request, "admin.add", obj, message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """A row was changed; `message` names its fields."""
        _audit(request, "admin.change", obj, message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Rows are about to be deleted."""
        for row in queryset:
            _audit(request, "admin.delete", row, [])
        return super().log_deletions(request, queryset)


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


def _organization_of(row: Any) -> int | None:
    """Whose it is: its own organization's, or its station's."""
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
