"""The time that sending took for each organization lately, so that organizations take turns."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the table; it starts empty."""

    dependencies = [
        ("alerts", "0006_choices_about_mails"),
        ("organizations", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="SendingTime",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("channel", models.CharField(max_length=32)),
                ("seconds", models.FloatField()),
                ("counted_from", models.DateTimeField()),
                (
                    "organization",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="organizations.organization"),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("organization", "channel"), name="sending_time_once"),
                ],
            },
        ),
    ]
