"""Nothing: the number after which core goes on. Migration 0009 of ingest makes its tables in a new database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("core", "0006_withdrawals")]
