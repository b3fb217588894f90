"""Files that were refused when they were sent, for a reason that may pass, count as unread."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ingest", "0007_backfills"),
    ]

    operations = [
        migrations.AddField(
            model_name="backfillfile",
            name="is_left",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
