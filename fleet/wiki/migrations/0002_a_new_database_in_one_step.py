"""Nothing: the number after which wiki goes on. Its tables in a new database come from ingest 0009."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("wiki", "0001_initial")]
