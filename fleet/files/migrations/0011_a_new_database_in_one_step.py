"""Nothing: the number after which files goes on. Migration 0009 of ingest makes its tables in a new database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("files", "0010_edited_files")]
