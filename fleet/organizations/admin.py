"""Read-only admin pages for people, organizations, members and keys; changes go through the services."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from rest_framework_api_key.models import APIKey

from fleet.core.admin import ReadOnlyAdmin
from fleet.organizations.models import ApiKey, Invitation, Membership, Organization

# The library's own keys are not used here; a second page of keys would only mislead.
admin.site.unregister(APIKey)
# Rights come from roles. Django's user form would bypass the audit log and the rules that protect the last owner and
# the last administrator.
admin.site.unregister(Group)
admin.site.unregister(User)


if TYPE_CHECKING:
    _TabularInline = admin.TabularInline[Membership, Organization | User]
else:
    # At runtime, Django's class takes no type parameters.
    _TabularInline = admin.TabularInline


class MembershipInline(_TabularInline):
    """Members with their organizations."""

    model = Membership
    extra = 0
    fields = ("user", "organization", "role")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Forbid adding members."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Forbid changing roles."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Forbid removing members."""
        return False


@admin.register(User)
class PersonAdmin(ReadOnlyAdmin):
    """People with a login; `./roost user` changes them."""

    list_display = ("username", "email", "is_active", "is_superuser", "last_login", "date_joined")
    list_filter = ("is_superuser", "is_active")
    search_fields = ("username", "email")
    fields = list_display
    ordering = ("username",)
    inlines = (MembershipInline,)


@admin.register(Organization)
class OrganizationAdmin(ReadOnlyAdmin):
    """Organizations with their members, and links to the pages that change them."""

    list_display = ("name", "slug", "timezone", "language", "deleted_at")
    search_fields = ("name", "slug")
    fields = ("name", "slug", "timezone", "language", "contact_email", "created_at", "deleted_at", "change_it")
    readonly_fields = ("change_it",)
    inlines = (MembershipInline,)

    @admin.display(description="Change")
    def change_it(self, organization: Organization) -> SafeString:
        """Links to the organization's pages; for a deleted one, to the page that restores it."""
        if organization.deleted_at is not None:
            return format_html('<a href="{}">Restore it</a>', reverse("organizations"))
        return format_html(
            '<a href="{}">Settings</a> · <a href="{}">Members</a> · <a href="{}">Keys</a>',
            reverse("organization", args=[organization.slug]),
            reverse("organization-members", args=[organization.slug]),
            reverse("organization-keys", args=[organization.slug]),
        )


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Invitations; the code itself is only in the mail."""

    list_display = ("email", "organization", "role", "created_at", "expires_at", "accepted_at", "revoked_at")
    search_fields = ("email", "organization__name")
    exclude = ("code_hash",)
    ordering = ("-id",)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """API keys; they are made and revoked on their organization's page."""

    list_display = ("prefix", "name", "organization", "is_read_only", "created", "last_used_at", "revoked")
    list_filter = ("is_read_only", "revoked")
    search_fields = ("prefix", "name")
    exclude = ("hashed_key", "id")
    ordering = ("-created",)
