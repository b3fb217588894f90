"""Destinations may have a sealed address, and it may remain unknown whether a notification arrived."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column of destinations, and a state of notifications."""

    dependencies = [("alerts", "0009_incidents_have_a_life")]

    operations = [
        migrations.AddField(
            model_name="destination",
            name="sealed_address",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AlterField(
            model_name="notification",
            name="state",
            field=models.CharField(
                choices=[
                    ("pending", "Pending"),
                    ("sending", "Sending"),
                    ("sent", "Sent"),
                    ("failed", "Failed"),
                    ("merged", "Merged"),
                    ("dropped", "Dropped"),
                    ("unknown", "Unknown"),
                ],
                default="pending",
                max_length=8,
            ),
        ),
        # The version before knows no such state; it tells of failed ones.
        migrations.RunSQL("", "UPDATE alerts_notification SET state = 'failed' WHERE state = 'unknown'"),
    ]
