"""Organizations, memberships with their roles, and API keys."""

from django.conf import settings
from django.db import models
from rest_framework_api_key.models import AbstractAPIKey


class Organization(models.Model):
    """A tenant: a research group with its stations, people and keys."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=120, unique=True)
    #: Part of routing keys and addresses.
    slug = models.SlugField(max_length=60, unique=True)
    timezone = models.CharField(max_length=64, default="UTC")
    language = models.CharField(max_length=8, default="en")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person in one organization, in one role. Owners may all, operators act, viewers look."""

    class Role(models.TextChoices):
        """What a member may do."""

        OWNER = "owner"
        OPERATOR = "operator"
        VIEWER = "viewer"

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)
    #: Whether alerts of this organization reach this person by mail.
    is_alerted = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        """One row per person and organization."""

        constraints = [models.UniqueConstraint(fields=["user", "organization"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization}"


class ApiKey(AbstractAPIKey):
    """A key for machines: belongs to one organization, stored hashed, shown once."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="api_keys")
    is_read_only = models.BooleanField(default=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    last_used_at = models.DateTimeField(null=True)

    class Meta(AbstractAPIKey.Meta):
        """Newest first, as in the library."""

        verbose_name = "API key"
        verbose_name_plural = "API keys"
