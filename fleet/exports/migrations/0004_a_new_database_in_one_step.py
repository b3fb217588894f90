"""Nothing: the number after which exports goes on. Migration 0009 of ingest makes its tables in a new database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("exports", "0003_analysts_read_views")]
