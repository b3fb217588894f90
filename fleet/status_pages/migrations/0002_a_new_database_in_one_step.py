"""Nothing: the number after which status_pages goes on. Its tables in a new database come from ingest 0009."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("status_pages", "0001_initial")]
