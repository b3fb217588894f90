"""The planned maintenance that a station is in: its end and its reason."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add two columns, and an index of the stations in planned maintenance."""

    dependencies = [("stations", "0017_stations_have_parents")]

    operations = [
        migrations.AddField("station", "window_until", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "station", "window_reason", models.CharField(blank=True, db_default="", default="", max_length=200)
        ),
        migrations.AddIndex(
            "station",
            models.Index(
                condition=models.Q(("window_until", None), _negated=True),
                fields=["organization"],
                name="station_in_window",
            ),
        ),
    ]
