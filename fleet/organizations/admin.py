"""Admin pages of organizations, members and keys, for whoever looks after the server."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest
from rest_framework_api_key.admin import APIKeyModelAdmin
from rest_framework_api_key.models import APIKey

from fleet.core import clock
from fleet.core.admin import EditableAdmin, ReadOnlyAdmin
from fleet.organizations.models import ApiKey, Invitation, Membership, Organization

# The library's own keys open nothing here; two pages of keys would only mislead.
admin.site.unregister(APIKey)


if TYPE_CHECKING:
    _TabularInline = admin.TabularInline[Membership, Organization]
    _OrganizationForm = ModelForm[Organization]
else:
    # Generic for the type checker only.
    _TabularInline = admin.TabularInline
    _OrganizationForm = ModelForm


class MembershipInline(_TabularInline):
    """The people of an organization."""

    model = Membership
    extra = 0
    fields = ("user", "role", "is_alerted")
    autocomplete_fields = ("user",)


@admin.register(Organization)
class OrganizationAdmin(EditableAdmin):
    """Organizations with their people."""

    list_display = ("name", "slug", "timezone", "language", "deleted_at")
    search_fields = ("name", "slug")
    fields = ("name", "slug", "timezone", "language", "contact_email")
    prepopulated_fields = {"slug": ("name",)}
    inlines = (MembershipInline,)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Deleted on its own page, where it can be undone."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:  # noqa: ARG002
        """The slug is part of addresses and routing keys: it stays."""
        return ("slug",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Model | None = None) -> dict[str, Any]:  # noqa: ARG002
        """Only while it may be written."""
        return {} if obj else {"slug": ("name",)}

    def save_model(self, request: HttpRequest, obj: Organization, form: _OrganizationForm, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """With the moment of its beginning."""
        if not change:
            obj.created_at = clock.now()
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Members with the moment at which they came."""
        for membership in formset.save(commit=False):
            membership.created_at = membership.created_at or clock.now()
        super().save_formset(request, form, formset, change)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Who was asked to join what; the code is in the mail only."""

    list_display = ("email", "organization", "role", "created_at", "expires_at", "accepted_at", "revoked_at")
    search_fields = ("email", "organization__name")
    exclude = ("code_hash",)
    ordering = ("-id",)


@admin.register(ApiKey)
class ApiKeyAdmin(APIKeyModelAdmin):
    """Keys; a new one's secret is shown once."""

    list_display = ("prefix", "name", "organization", "is_read_only", "created", "last_used_at", "revoked")  # type: ignore[assignment]
    list_filter = ("organization", "is_read_only", "revoked")  # type: ignore[assignment]
    exclude = ("created_by", "last_used_at")
