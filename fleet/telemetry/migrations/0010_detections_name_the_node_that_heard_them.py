"""Detections of CTT SensorStations name the node that heard them; columns without a default rewrite no row."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Three columns of the partitioned table, which its partitions inherit."""

    dependencies = [("telemetry", "0009_tags_are_counted_by_hour")]

    operations = [
        migrations.AddField("detection", "node", models.CharField(max_length=16, null=True)),
        migrations.AddField("detection", "is_validated", models.BooleanField(null=True)),
        migrations.AddField("detection", "also", models.JSONField(null=True)),
    ]
