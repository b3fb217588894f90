"""Nothing: the number after which status_pages goes on. Migration 0009 of ingest makes its tables in a new database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("status_pages", "0001_initial")]
