"""Nothing: the number after which alerts goes on. Migration 0009 of ingest makes its tables in a new database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("alerts", "0013_maintenance_windows")]
