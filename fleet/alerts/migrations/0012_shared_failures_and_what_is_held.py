"""Shared failures, what a silent parent or they hold, and the storm cap."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A table, and columns that are empty for what was before."""

    dependencies = [
        ("alerts", "0011_digests_and_incident_feeds"),
        ("organizations", "0007_how_a_person_sees_files"),
        ("stations", "0017_stations_have_parents"),
    ]

    operations = [
        migrations.AddField(
            model_name="incident",
            name="held_by",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="holding",
                to="alerts.incident",
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="held_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="alerts.incident"
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="held_why",
            field=models.CharField(
                blank=True,
                choices=[("parent", "Parent"), ("shared", "Shared"), ("storm", "Storm")],
                db_default="",
                default="",
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="notification",
            name="phase",
            field=models.CharField(
                choices=[
                    ("opened", "Opened"),
                    ("again", "Again"),
                    ("assigned", "Assigned"),
                    ("closed", "Closed"),
                    ("test", "Test"),
                    ("storm", "Storm"),
                ],
                max_length=8,
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
                    ("unknown", "Unknown"),
                    ("held", "Held"),
                ],
                default="pending",
                max_length=8,
            ),
        ),
        migrations.CreateModel(
            name="SharedFailure",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "cause",
                    models.CharField(
                        choices=[("site", "Site"), ("network", "Network"), ("organization", "Organization")],
                        max_length=16,
                    ),
                ),
                ("subject", models.CharField(blank=True, max_length=120)),
                ("name", models.CharField(max_length=200)),
                ("total", models.IntegerField()),
                ("fallen", models.IntegerField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("opened_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                ("left_silent", models.IntegerField(null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shared_failures",
                        to="organizations.organization",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="incident",
            name="shared",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="incidents",
                to="alerts.sharedfailure",
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="shared",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="notifications",
                to="alerts.sharedfailure",
            ),
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(
                condition=models.Q(("held_by__isnull", False)), fields=["held_by"], name="incident_held_by"
            ),
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(
                condition=models.Q(("shared__isnull", False)), fields=["shared"], name="incident_shared"
            ),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                condition=models.Q(("state", "sent")),
                fields=["channel", "recipient", "sent_at"],
                name="notification_sent_lately",
            ),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                condition=models.Q(("held_why", "storm")),
                fields=["channel", "recipient", "due_at"],
                name="notification_storm_held",
            ),
        ),
        migrations.AddConstraint(
            model_name="sharedfailure",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at", None)),
                fields=("organization", "cause", "subject"),
                name="shared_open_once",
            ),
        ),
    ]
