"""Nothing: the number after which commands goes on. Migration 0009 of ingest makes its tables in a new database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("commands", "0004_reports_are_counted")]
