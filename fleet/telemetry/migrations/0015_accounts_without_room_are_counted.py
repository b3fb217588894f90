"""Accounts of files beyond the number that Roost lists are counted."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Earlier ones were not counted."""

    dependencies = [("telemetry", "0014_detections_go_to_cold_storage")]

    operations = [
        migrations.AddField("filesummary", "accounts_left_out", models.BigIntegerField(db_default=0, default=0))
    ]
