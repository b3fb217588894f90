"""Nothing: the number after which forward goes on. Its tables in a new database come from ingest 0009."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("forward", "0003_taps")]
