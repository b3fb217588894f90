"""The board and the card behind a station's identity."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class HardwarePair(models.Model):
    """A board and a card seen together under a station's identity; written by ingest from its hello.

        known                                  the station's first, or one that fits what is known
        asked ──a person──▶ same | another     a swap: the same station, or a new one from here on

    Changed only by conditional UPDATE.
    """

    class State(models.TextChoices):
        """Whether a person still has to say what it is."""

        KNOWN = "known"
        ASKED = "asked"
        SAME = "same"
        ANOTHER = "another"

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey("stations.Station", on_delete=models.CASCADE, related_name="hardware_pairs")
    #: Short hash of the board's serial, and the key stored on the card; empty if the agent could not read it.
    machine = models.CharField(max_length=128, blank=True)
    card_key = models.CharField(max_length=128, blank=True)
    model = models.CharField(max_length=128, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.KNOWN)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        """One row per station and pair; an index for the few that wait for a person."""

        constraints = [models.UniqueConstraint(fields=["station", "machine", "card_key"], name="hardware_pair_once")]
        indexes = [models.Index(fields=["station"], name="hardware_asked", condition=Q(state="asked"))]

    def __str__(self) -> str:
        return f"{self.machine} with {self.card_key} ({self.state})"
