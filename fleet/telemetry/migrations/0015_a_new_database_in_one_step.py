"""Nothing: the number after which telemetry goes on. Migration 0009 of ingest makes its tables in a new database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0014_detections_go_to_cold_storage")]
