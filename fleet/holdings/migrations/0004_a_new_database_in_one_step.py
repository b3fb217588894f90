"""Nothing: the number after which holdings goes on. Its tables in a new database come from ingest 0009."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("holdings", "0003_sums_of_large_cards")]
