"""Rules of stations, with a number of readings to keep and an interval of which one is stored; counts of the rest."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Nullable columns and a new table: quick at any size."""

    dependencies = [
        ("organizations", "0007_how_a_person_sees_files"),
        ("stations", "0015_owners_are_told_of_unanswered_devices"),
        ("telemetry", "0012_readings_go_to_cold_storage"),
    ]

    operations = [
        migrations.AlterField(
            model_name="retentionrule",
            name="organization",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="retention_rules",
                to="organizations.organization",
            ),
        ),
        migrations.AddField(
            model_name="retentionrule",
            name="station",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="retention_rules",
                to="stations.station",
            ),
        ),
        migrations.AddField(
            model_name="retentionrule", name="most", field=models.PositiveIntegerField(blank=True, null=True)
        ),
        migrations.AddField(
            model_name="retentionrule", name="interval_s", field=models.PositiveIntegerField(blank=True, null=True)
        ),
        migrations.AddField(
            model_name="retentionrule",
            name="interval_since",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name="retentionrule",
            constraint=models.UniqueConstraint(fields=("station", "pattern"), name="retention_station_once"),
        ),
        migrations.AddConstraint(
            model_name="retentionrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("organization", None), ("station__isnull", False)),
                    models.Q(("organization__isnull", False), ("station", None)),
                    _connector="OR",
                ),
                name="retention_of_one",
            ),
        ),
        migrations.CreateModel(
            name="SeriesTally",
            fields=[
                (
                    "series",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="tally",
                        serialize=False,
                        to="telemetry.series",
                    ),
                ),
                ("kept_back", models.BigIntegerField(default=0)),
                ("kept_back_at", models.DateTimeField(null=True)),
                ("removed", models.BigIntegerField(default=0)),
                (
                    "station",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="stations.station"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DetectionRule",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="detection_rule",
                        serialize=False,
                        to="organizations.organization",
                    ),
                ),
                ("days", models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="ClearedDetections",
            fields=[
                (
                    "station",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="cleared_detections",
                        serialize=False,
                        to="stations.station",
                    ),
                ),
                ("before", models.DateTimeField(null=True)),
                ("removed", models.BigIntegerField(default=0)),
            ],
        ),
    ]
