"""Nothing: the number after which sync goes on. Its tables in a new database come from ingest 0009."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("sync", "0009_motus_receivers_know_when_motus_answered")]
