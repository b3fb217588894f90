"""Numbers in quarantine are indexed, because a client may use one again."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """One index for all reasons replaces an index for two of them."""

    dependencies = [("ingest", "0005_quarantine_has_budgets")]

    operations = [
        migrations.AddIndex(
            "quarantinedmessage",
            models.Index(
                fields=["station", "stream", "seq"], name="quarantine_numbers", condition=Q(seq__isnull=False)
            ),
        ),
        migrations.RemoveIndex("quarantinedmessage", "quarantine_gapped"),
    ]
