"""The secret address under which programs read an organization's incidents."""

from django.db import models

from fleet.organizations.models import Organization


class IncidentFeed(models.Model):
    """An organization's incidents as a feed and a calendar, for whoever knows the address.

        none ──an owner makes it──▶ there ──an owner replaces it──▶ there, and the old address does not work
                                      └──an owner withdraws it──▶ none

    The secret of the address is derived from `seed` and the server's key, so that a copy of the database does not
    contain it, and owners can look it up again.
    """

    organization = models.OneToOneField(
        Organization, on_delete=models.CASCADE, primary_key=True, related_name="incident_feed"
    )
    seed = models.CharField(max_length=32)
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"incident feed of organization {self.organization_id}"

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log, without the secret."""
        return self.organization_id, self.organization.name
