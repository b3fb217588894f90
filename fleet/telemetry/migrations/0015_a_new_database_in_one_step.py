"""Nothing: the number after which telemetry goes on. Its tables in a new database come from ingest 0009."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0014_detections_go_to_cold_storage")]
