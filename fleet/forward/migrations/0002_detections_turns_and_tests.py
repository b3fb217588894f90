import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("forward", "0001_forwarders"),
        ("stations", "0015_owners_are_told_of_unanswered_devices"),
        ("telemetry", "0012_readings_go_to_cold_storage"),
    ]

    operations = [
        migrations.AddField("forwarder", "wants_readings", models.BooleanField(db_default=True, default=True)),
        migrations.AddField(
            "forwarder",
            "detections",
            models.CharField(
                choices=[("none", "None"), ("tags", "Tags"), ("all", "All")],
                db_default="none",
                default="none",
                max_length=8,
            ),
        ),
        migrations.AddField("forwarder", "row_detection", models.JSONField(null=True)),
        migrations.AddField("forwarder", "backfill_detection", models.JSONField(null=True)),
        migrations.AddField("forwarder", "kept_back_why", models.JSONField(null=True)),
        migrations.AddField("forwarder", "call_s", models.FloatField(null=True)),
        migrations.AddField("forwarder", "rows_at_once", models.IntegerField(null=True)),
        migrations.AddField("forwarder", "test_asked_at", models.DateTimeField(null=True)),
        migrations.AddField("forwarder", "test_answer", models.TextField(blank=True, db_default="", default="")),
        migrations.AddField("forwarder", "tested_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "forwardnote",
            "station_ids",
            django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=None),
        ),
        migrations.AddField(
            "forwardnote",
            "station_hours",
            django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), null=True, size=None),
        ),
        migrations.AlterField(
            "refusedrow",
            "series",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="telemetry.series"
            ),
        ),
        migrations.AddField(
            "refusedrow",
            "station",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="stations.station"
            ),
        ),
        migrations.AddField("refusedrow", "port", models.SmallIntegerField(null=True)),
        migrations.AddField(
            "refusedrow", "kind", models.SmallIntegerField(choices=[(1, "Pulse"), (2, "Tag")], null=True)
        ),
        migrations.AddField("refusedrow", "line", models.IntegerField(null=True)),
        migrations.AddConstraint(
            "refusedrow",
            models.UniqueConstraint(
                fields=("forwarder", "station", "occurred_at", "port", "kind", "line"), name="refused_detection_once"
            ),
        ),
    ]
