"""Rows of a clock that was not set can be moved to the right time, and back."""

import django.db.models.deletion
from django.db import migrations, models

_ROWS = ("reading", "detection", "position", "stationevent")


class Migration(migrations.Migration):
    """New columns are empty, so no row has to be rewritten."""

    dependencies = [
        ("stations", "0010_a_serial_is_one_whatever_its_case"),
        ("telemetry", "0007_series_have_a_dimension"),
    ]

    operations = [
        *(migrations.AddField(model, "shift_id", models.BigIntegerField(null=True)) for model in _ROWS),
        *(migrations.AddField(model, "flags_before", models.SmallIntegerField(null=True)) for model in _ROWS),
        migrations.CreateModel(
            name="TimeShift",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("side", models.CharField(choices=[("behind", "Behind"), ("ahead", "Ahead")], max_length=8)),
                ("offset_us", models.BigIntegerField()),
                ("received_from", models.DateTimeField(null=True)),
                ("received_until", models.DateTimeField(null=True)),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("readings", models.BigIntegerField(default=0)),
                ("detections", models.BigIntegerField(default=0)),
                ("positions", models.BigIntegerField(default=0)),
                ("events", models.BigIntegerField(default=0)),
                ("left", models.BigIntegerField(default=0)),
                ("made_at", models.DateTimeField()),
                ("made_by_name", models.CharField(blank=True, max_length=150)),
                ("undone_at", models.DateTimeField(null=True)),
                ("undone_by_name", models.CharField(blank=True, max_length=150)),
                (
                    "station",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="time_shifts",
                        to="stations.station",
                    ),
                ),
            ],
        ),
    ]
