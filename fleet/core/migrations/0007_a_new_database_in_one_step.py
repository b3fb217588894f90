"""Nothing: the number after which core goes on. Its tables in a new database come from ingest 0009."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("core", "0006_withdrawals")]
