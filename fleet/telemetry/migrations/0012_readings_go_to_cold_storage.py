"""Files of cold storage: months of stations as Parquet beside the database. Nothing moves by itself."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Two small tables; the rows of readings are not touched."""

    dependencies = [
        ("stations", "0014_uploads_check_logins"),
        ("telemetry", "0011_moved_rows_that_come_again_and_late_readings_are_counted"),
    ]

    operations = [
        migrations.CreateModel(
            name="ColdFile",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("month", models.DateField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("writing", "writing"),
                            ("written", "written"),
                            ("verified", "verified"),
                            ("cold", "cold"),
                            ("over", "over"),
                        ],
                        default="writing",
                        max_length=8,
                    ),
                ),
                ("place", models.CharField(max_length=8)),
                ("name", models.CharField(max_length=200)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("octets", models.BigIntegerField(default=0)),
                ("rows", models.BigIntegerField(default=0)),
                ("rows_new", models.BigIntegerField(default=0)),
                ("checksum", models.CharField(blank=True, max_length=40)),
                ("known", models.BigIntegerField(default=0)),
                ("moved", models.BigIntegerField(default=0)),
                ("left_out", models.BigIntegerField(default=0)),
                ("begun_at", models.DateTimeField()),
                ("cold_at", models.DateTimeField(null=True)),
                ("over_at", models.DateTimeField(null=True)),
                ("reason", models.CharField(blank=True, max_length=200)),
                (
                    "replaces",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="telemetry.coldfile",
                    ),
                ),
                (
                    "station",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="cold_files", to="stations.station"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ColdPart",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "series", "file", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("rows", models.BigIntegerField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="parts", to="telemetry.coldfile"
                    ),
                ),
                (
                    "series",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="cold_parts", to="telemetry.series"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="coldfile",
            index=models.Index(condition=models.Q(("state", "over")), fields=["over_at"], name="cold_over"),
        ),
        migrations.AddConstraint(
            model_name="coldfile",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "cold")), fields=("station", "month"), name="cold_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="coldfile",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["writing", "written", "verified"])),
                fields=("station", "month"),
                name="made_once",
            ),
        ),
    ]
