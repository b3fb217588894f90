"""Nothing: the number after which forward goes on. Migration 0009 of ingest makes its tables in a new database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("forward", "0003_taps")]
