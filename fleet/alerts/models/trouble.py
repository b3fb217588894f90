"""Problems of the server itself."""

from django.db import models
from django.db.models import Q


class Trouble(models.Model):
    """A problem with the server itself; its administrators are told once when it begins and once when it ends.

        open ──it is over──▶ over

    `told_at` and `end_told_at` are set by conditional UPDATE before the mail, and reset if nobody could be reached.
    """

    id = models.BigAutoField(primary_key=True)
    #: The affected part, in a few words.
    about = models.CharField(max_length=64)
    sentence = models.TextField()
    began_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_told_at = models.DateTimeField(null=True)

    class Meta:
        """One open trouble per part."""

        constraints = [models.UniqueConstraint(fields=["about"], name="trouble_open_once", condition=Q(ended_at=None))]

    def __str__(self) -> str:
        return self.about
