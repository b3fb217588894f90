"""Members' choices to get digests of their organizations, and up to when each has reported."""

from django.db import models
from django.db.models import Q
from django.utils.translation import pgettext_lazy

from fleet.organizations.models import Membership


class Digest(models.Model):
    """Whether and how often a member gets a digest of an organization by mail, and up to when it has reported.

        off ──the person──▶ waiting ──its day has come──▶ told until that day, and waiting for the next
         ▲                     │
         └──the person, or the address in a digest

    `told_until` moves in the transaction that queues the mail, and only forward, under the lock of the row. So every
    moment is in one digest, even after a crash, and even if the server was down for several periods.
    """

    class Rhythm(models.TextChoices):
        """How often."""

        DAILY = "daily", pgettext_lazy("digest", "every day")
        WEEKLY = "weekly", pgettext_lazy("digest", "every week")
        MONTHLY = "monthly", pgettext_lazy("digest", "every month")

    membership = models.OneToOneField(Membership, on_delete=models.CASCADE, primary_key=True, related_name="digest")
    rhythm = models.CharField(max_length=8, choices=Rhythm.choices)
    is_on = models.BooleanField(default=True)
    #: The beginning of the next one's period.
    told_until = models.DateTimeField()
    #: When the next one is made; if that failed, when it is tried again.
    due_at = models.DateTimeField()
    #: The counts of messages in the last one, for the difference: arrived, still on stations, lost.
    counted = models.JSONField(default=dict, db_default={})
    last_made_at = models.DateTimeField(null=True)
    #: Why the last one could not be made; empty: it was.
    last_error = models.TextField(blank=True, default="", db_default="")

    class Meta:
        """The index serves the task that asks for what is due."""

        indexes = [models.Index(fields=["due_at"], name="digest_due", condition=Q(is_on=True))]

    def __str__(self) -> str:
        return f"{self.rhythm} digest of membership {self.membership_id}"
