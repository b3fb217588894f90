"""Nothing: the number after which holdings goes on. Migration 0009 of ingest makes its tables in a new database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("holdings", "0003_sums_of_large_cards")]
