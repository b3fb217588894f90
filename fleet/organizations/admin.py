"""Admin pages of people, organizations, members and keys: they show; changes are made where the rules are asked."""

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

# The library's own keys open nothing here; two pages of keys would only mislead.
admin.site.unregister(APIKey)
# Rights come from roles; a form for people would skip the last owner, the last administrator and the audit log.
admin.site.unregister(Group)
admin.site.unregister(User)


if TYPE_CHECKING:
    _TabularInline = admin.TabularInline[Membership, Organization | User]
else:
    # Generic for the type checker only.
    _TabularInline = admin.TabularInline


class MembershipInline(_TabularInline):
    """Who belongs to what."""

    model = Membership
    extra = 0
    fields = ("user", "organization", "role", "is_alerted")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody is added here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """No role is changed here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Nobody is taken out here."""
        return False


@admin.register(User)
class PersonAdmin(ReadOnlyAdmin):
    """Who has a login; `./roost user` changes them."""

    list_display = ("username", "email", "is_active", "is_superuser", "last_login", "date_joined")
    list_filter = ("is_superuser", "is_active")
    search_fields = ("username", "email")
    fields = list_display
    ordering = ("username",)
    inlines = (MembershipInline,)


@admin.register(Organization)
class OrganizationAdmin(ReadOnlyAdmin):
    """Organizations with their people, and the way to the pages that change them."""

    list_display = ("name", "slug", "timezone", "language", "deleted_at")
    search_fields = ("name", "slug")
    fields = ("name", "slug", "timezone", "language", "contact_email", "created_at", "deleted_at", "change_it")
    readonly_fields = ("change_it",)
    inlines = (MembershipInline,)

    @admin.display(description="Change it")
    def change_it(self, organization: Organization) -> SafeString:
        """Links to its pages; of a deleted one, to where it is brought back."""
        if organization.deleted_at is not None:
            return format_html('<a href="{}">Bring it back</a>', reverse("organizations"))
        return format_html(
            '<a href="{}">Settings</a> · <a href="{}">Members</a> · <a href="{}">Keys</a>',
            reverse("organization", args=[organization.slug]),
            reverse("organization-members", args=[organization.slug]),
            reverse("organization-keys", args=[organization.slug]),
        )


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Who was asked to join what; the code is in the mail only."""

    list_display = ("email", "organization", "role", "created_at", "expires_at", "accepted_at", "revoked_at")
    search_fields = ("email", "organization__name")
    exclude = ("code_hash",)
    ordering = ("-id",)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys; they are made and revoked on the page of their organization."""

    list_display = ("prefix", "name", "organization", "is_read_only", "created", "last_used_at", "revoked")
    list_filter = ("is_read_only", "revoked")
    search_fields = ("prefix", "name")
    exclude = ("hashed_key", "id")
    ordering = ("-created",)
