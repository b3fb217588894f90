"""Organizations, people, memberships with roles, invitations and API keys."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from rest_framework_api_key.models import AbstractAPIKey


class Organization(models.Model):
    """A tenant: a research group with its stations, people and keys.

        in use ──an owner deletes it──▶ deleted ──30 days──▶ purged: the row and all that belonged to it are gone
          ▲                                │
          └─────── an owner undoes it ─────┘

    Nobody sees a deleted one, but what its stations send is still stored, so that undoing loses nothing.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=120, unique=True)
    #: Part of routing keys and URLs.
    slug = models.SlugField(max_length=60, unique=True)
    timezone = models.CharField(max_length=64, default="UTC")
    language = models.CharField(max_length=8, default="en")
    #: Contact address for outsiders; visible only to members.
    contact_email = models.EmailField(blank=True, db_default="")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        """An index for the few rows that wait to be purged."""

        indexes = [models.Index(fields=["deleted_at"], name="organization_deleted", condition=~Q(deleted_at=None))]

    def __str__(self) -> str:
        return self.name

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.pk, self.name


class Person(models.Model):
    """A person's settings besides the login: language and time zone of pages and mails; empty for none.

    `files_view`: how lists of files are shown, `tiles` or, if empty, rows.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="person"
    )
    language = models.CharField(max_length=8, blank=True, db_default="")
    timezone = models.CharField(max_length=64, blank=True, db_default="")
    files_view = models.CharField(max_length=8, blank=True, db_default="")

    def __str__(self) -> str:
        return str(self.user)


class Membership(models.Model):
    """One person in one organization, in one role. Owners can do everything, operators act, viewers look."""

    class Role(models.TextChoices):
        """A member's role."""

        OWNER = "owner"
        OPERATOR = "operator"
        VIEWER = "viewer"

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField()

    class Meta:
        """One row per person and organization."""

        constraints = [models.UniqueConstraint(fields=["user", "organization"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization}"


class Invitation(models.Model):
    """An address that was invited to join with a role.

        open ──accepted by the address's owner──▶ accepted
          ├──revoked, or sent again──▶ revoked
          └──seven days──▶ expired

    The code in the mail is stored hashed. Sending an invitation again makes a new row with a new code.
    """

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=16, choices=Membership.Role.choices)
    code_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    invited_by_name = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        """At most one open invitation per organization and address; an index for counting those of a day."""

        constraints = [
            models.UniqueConstraint(
                F("organization"),
                Lower("email"),
                name="invitation_open_once",
                condition=Q(accepted_at=None, revoked_at=None),
            )
        ]
        indexes = [models.Index(Lower("email"), "created_at", name="invitation_of_address")]

    def __str__(self) -> str:
        return f"{self.email} to {self.organization}"


class ApiKey(AbstractAPIKey):
    """An API key of a machine, or of a person and then with that person's role. Stored hashed, shown once.

    works ──revoked, expired, its person left, or its organization was deleted──▶ no longer works
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="api_keys")
    is_read_only = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="keys_made"
    )
    #: The key's person; None for a machine's key. The key is deleted with the person.
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="api_keys")
    #: The key reaches only `stations`; once they are all gone, it reaches none.
    is_limited = models.BooleanField(default=False, db_default=False)
    stations = models.ManyToManyField("stations.Station", related_name="+")
    last_used_at = models.DateTimeField(null=True)
    last_used_from = models.CharField(max_length=45, blank=True, db_default="")
    revoked_at = models.DateTimeField(null=True)
    revoked_by_name = models.CharField(max_length=150, blank=True, db_default="")

    class Meta(AbstractAPIKey.Meta):
        """Newest first, as in the library."""

        verbose_name = "API key"
        verbose_name_plural = "API keys"
