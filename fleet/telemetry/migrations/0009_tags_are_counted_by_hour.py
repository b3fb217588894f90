"""Tags are counted per station, hour and port. A job counts earlier hours; this migration only lists them."""

import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models


def _station() -> models.ForeignKey:
    return models.ForeignKey(
        db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, to="stations.station"
    )


class Migration(migrations.Migration):
    """The list comes from counts per hour, so no detection is read, however many there are."""

    dependencies = [
        ("stations", "0012_desks_have_a_quota_of_their_own"),
        ("telemetry", "0008_rows_can_be_moved_in_time"),
    ]

    operations = [
        migrations.CreateModel(
            name="TagHour",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        *("station", "hour", "port", "tag"),
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("port", models.SmallIntegerField()),
                ("tag", models.CharField(max_length=64)),
                ("count", models.BigIntegerField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("strongest", models.FloatField(null=True)),
                ("station", _station()),
            ],
            options={
                "indexes": [
                    models.Index(
                        django.db.models.functions.text.Upper("tag"),
                        models.F("hour"),
                        models.F("station"),
                        name="tag_anywhere",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TagHourDue",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "station", "hour", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("hour", models.DateTimeField(db_index=True)),
                ("station", _station()),
            ],
        ),
        migrations.RunSQL(
            "INSERT INTO telemetry_taghourdue (station_id, hour) "
            "SELECT DISTINCT station_id, hour FROM telemetry_detectioncount WHERE kind = 2",
            "",
        ),
        # The newest hours are changed in place, again and again.
        migrations.RunSQL("ALTER TABLE telemetry_taghour SET (fillfactor = 80)", ""),
    ]
