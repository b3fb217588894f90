"""Nothing: the number after which exports goes on. Its tables in a new database come from ingest 0009."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("exports", "0003_analysts_read_views")]
