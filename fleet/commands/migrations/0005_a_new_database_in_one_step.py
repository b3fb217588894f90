"""Nothing: the number after which commands goes on. Its tables in a new database come from ingest 0009."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("commands", "0004_reports_are_counted")]
