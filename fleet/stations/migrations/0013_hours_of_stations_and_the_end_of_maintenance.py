"""Hours in which stations were heard, filled from the last year's roll-ups, and when a maintenance ends by itself."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

# Nobody recorded how late the data of these hours came, so they count as heard in time.
_FILL = """
INSERT INTO stations_stationday (station_id, day, heard)
SELECT station_id, (hour AT TIME ZONE 'UTC')::date, bit_or(1 << extract(hour FROM hour AT TIME ZONE 'UTC')::int)
FROM (
    SELECT station_id, hour FROM telemetry_detectioncount WHERE count > 0
    UNION
    SELECT s.station_id, h.start FROM telemetry_readinghour h JOIN telemetry_series s ON s.id = h.series_id
) AS heard
WHERE hour > now() - interval '366 days' AND hour < now() + interval '1 day'
  AND station_id IN (SELECT id FROM stations_station)
GROUP BY 1, 2
"""


class Migration(migrations.Migration):
    dependencies = [
        ("stations", "0012_desks_have_a_quota_of_their_own"),
        ("telemetry", "0008_rows_can_be_moved_in_time"),
    ]

    operations = [
        migrations.AddField(
            model_name="station",
            name="maintenance_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="station",
            index=models.Index(
                condition=Q(("maintenance_until", None), _negated=True),
                fields=["maintenance_until"],
                name="station_maintenance_ends",
            ),
        ),
        migrations.CreateModel(
            name="StationDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "station", "day", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField()),
                ("heard", models.IntegerField(db_default=0, default=0)),
                ("late", models.IntegerField(db_default=0, default=0)),
                ("asleep", models.IntegerField(db_default=0, default=0)),
                (
                    "station",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="days",
                        to="stations.station",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(_FILL, migrations.RunSQL.noop),
    ]
