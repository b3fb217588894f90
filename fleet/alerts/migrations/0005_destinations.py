"""Alerts go to destinations."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """The table, and notifications that know their destination."""

    dependencies = [
        ("alerts", "0004_sentences_in_each_language"),
        ("organizations", "0004_keys"),
    ]

    operations = [
        migrations.CreateModel(
            name="Destination",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("channel", models.CharField(max_length=32)),
                ("address", models.CharField(blank=True, max_length=500)),
                ("secret_seed", models.CharField(blank=True, max_length=32)),
                ("is_on", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField()),
                ("last_result_at", models.DateTimeField(null=True)),
                ("last_error", models.TextField(blank=True)),
                (
                    "membership",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="destinations",
                        to="organizations.membership",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="destinations",
                        to="organizations.organization",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("membership__isnull", False),
                            ("organization", None),
                        )
                        | models.Q(("membership", None), ("organization__isnull", False)),
                        name="destination_of_one",
                    ),
                    models.UniqueConstraint(fields=("organization", "channel", "address"), name="destination_once"),
                    models.UniqueConstraint(
                        fields=("membership", "channel", "address"), name="destination_once_per_member"
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="notification",
            name="destination",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to="alerts.destination"),
        ),
        migrations.AlterField(model_name="notification", name="recipient", field=models.CharField(max_length=500)),
        migrations.AlterField(
            model_name="notification",
            name="phase",
            field=models.CharField(
                choices=[("opened", "Opened"), ("closed", "Closed"), ("test", "Test")], max_length=8
            ),
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
                ],
                default="pending",
                max_length=8,
            ),
        ),
    ]
