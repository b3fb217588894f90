"""Admin pages of outside systems."""

from django.contrib import admin

from fleet.core.admin import ReadOnlyAdmin
from fleet.sync.models import (
    ExternalLink,
    ExternalRecord,
    MotusAccount,
    MotusDeployment,
    MotusDifference,
    MotusTag,
    MotusUpload,
    SyncRun,
)


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnlyAdmin):
    """Checks of outside systems."""

    list_display = ("started_at", "system", "state", "records", "changes", "sentence")
    list_filter = ("system", "state")
    ordering = ("-started_at",)


@admin.register(ExternalRecord)
class ExternalRecordAdmin(ReadOnlyAdmin):
    """Rows as outside systems list them."""

    list_display = ("system", "key", "match_name", "last_seen_at", "absent_since")
    list_filter = ("system",)
    search_fields = ("key", "match_name")


@admin.register(ExternalLink)
class ExternalLinkAdmin(ReadOnlyAdmin):
    """Links between records and stations."""

    list_display = ("station", "system", "record", "checked_at")
    list_filter = ("system",)
    list_select_related = ("station", "record")
    search_fields = ("station__serial",)


@admin.register(MotusAccount)
class MotusAccountAdmin(ReadOnlyAdmin):
    """Logins at Motus, without their passwords."""

    list_display = ("organization", "login", "is_refused", "checked_at")
    list_select_related = ("organization",)
    exclude = ("sealed_password",)


@admin.register(MotusDeployment)
class MotusDeploymentAdmin(ReadOnlyAdmin):
    """Deployments as Motus has them."""

    list_display = ("serial", "name", "status", "project_id", "account")
    list_select_related = ("account",)
    search_fields = ("serial", "name")


@admin.register(MotusDifference)
class MotusDifferenceAdmin(ReadOnlyAdmin):
    """Differences between deployments here and at Motus."""

    list_display = ("station", "kind", "port", "ours", "theirs", "kept_at")
    list_select_related = ("station",)


@admin.register(MotusUpload)
class MotusUploadAdmin(ReadOnlyAdmin):
    """Uploads to Motus."""

    list_display = ("serial", "day", "state", "job_id", "sent_at", "account")
    list_filter = ("state",)
    list_select_related = ("account",)
    search_fields = ("serial", "sha1")


@admin.register(MotusTag)
class MotusTagAdmin(ReadOnlyAdmin):
    """Tags of the projects at Motus."""

    list_display = ("code", "name", "project_id", "account")
    list_select_related = ("account",)
    search_fields = ("code", "name")
