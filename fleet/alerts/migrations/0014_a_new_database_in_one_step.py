"""Nothing: the number after which alerts goes on. Its tables in a new database come from ingest 0009."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("alerts", "0013_maintenance_windows")]
