"""Notes about a station."""

from django.conf import settings
from django.db import models


class StationNote(models.Model):
    """A dated note about a station: plain text, never edited; its author or an owner may remove it."""

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey("stations.Station", on_delete=models.CASCADE, related_name="note_entries")
    #: The time the note is about, which may be before it was written.
    at = models.DateTimeField()
    text = models.TextField()
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    #: Name of the person or key at that time.
    written_by_name = models.CharField(max_length=150, blank=True)
    written_at = models.DateTimeField()

    class Meta:
        """Read by station, newest first."""

        indexes = [models.Index(fields=["station", "-at", "-id"], name="note_of_station")]

    def __str__(self) -> str:
        return self.text[:80]
