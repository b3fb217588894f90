"""An organization at Motus: its login there, and the projects it works in."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from fleet.organizations.models import Organization


class MotusAccount(models.Model):
    """An organization's login at Motus. The row stays when the login is forgotten, so that pauses between tries stay.

    `sealed_password` is encrypted with the site's key (`fleet.core.sealing`) and leaves the row only towards Motus.
    """

    organization = models.OneToOneField(Organization, on_delete=models.CASCADE, related_name="motus_account")
    #: Empty: the organization has no login.
    login = models.CharField(max_length=150, blank=True, default="")
    sealed_password = models.TextField(blank=True, default="")
    #: Numbers of Motus' projects, the one for uploads first; empty: all that the login has.
    project_ids = ArrayField(models.IntegerField(), default=list, blank=True)
    #: What Motus answered: number as text -> name.
    projects = models.JSONField(default=dict, blank=True)
    #: Motus refused the login; nothing more is asked with it until an owner acts, so that Motus does not lock it.
    is_refused = models.BooleanField(default=False)
    #: Refusals in a row, which lengthen the pause before the next try.
    refusals = models.SmallIntegerField(default=0)
    #: When a person last had it tried, and when Motus last answered, with the answer as a sentence.
    asked_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True, default="")

    def __str__(self) -> str:
        return f"Motus of {self.organization_id}"
