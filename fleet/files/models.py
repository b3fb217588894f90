"""The stations' own data files, known by name from the rows that name them."""

from django.db import models

from fleet.stations.models import Station


class StationFile(models.Model):
    """One file on a station of which lines have come home, and how many."""

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=256)
    rows = models.BigIntegerField(default=0)
    first_received_at = models.DateTimeField()
    last_received_at = models.DateTimeField()

    class Meta:
        """A name is one file of its station."""

        constraints = [models.UniqueConstraint(fields=["station", "name"], name="file_name_once")]

    def __str__(self) -> str:
        return self.name
