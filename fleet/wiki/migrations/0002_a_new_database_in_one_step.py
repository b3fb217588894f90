"""Nothing: the number after which wiki goes on. Migration 0009 of ingest makes its tables in a new database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("wiki", "0001_initial")]
