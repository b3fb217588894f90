"""Nothing: the number after which sync goes on. Migration 0009 of ingest makes its tables in a new database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("sync", "0009_motus_receivers_know_when_motus_answered")]
