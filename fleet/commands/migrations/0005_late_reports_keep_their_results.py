"""Closing reports that change nothing keep their results and output."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Those of earlier reports were not stored."""

    dependencies = [("commands", "0004_reports_are_counted")]

    operations = [
        migrations.AddField("commandstep", "result", models.JSONField(db_default={}, default=dict)),
        migrations.AddField("commandstep", "output", models.TextField(blank=True, db_default="", default="")),
    ]
