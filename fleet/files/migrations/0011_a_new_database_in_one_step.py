"""Nothing: the number after which files goes on. Its tables in a new database come from ingest 0009."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("files", "0010_edited_files")]
