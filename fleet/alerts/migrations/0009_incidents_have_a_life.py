"""Incidents are acknowledged, snoozed and assigned, and each step is a row; ends can be held back."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Add a table, which starts empty, and columns that are empty in the rows that are there."""

    dependencies = [
        ("alerts", "0008_rules_that_people_make"),
        ("organizations", "0007_how_a_person_sees_files"),
        ("stations", "0015_owners_are_told_of_unanswered_devices"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="IncidentStep",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("acknowledged", "Acknowledged"),
                            ("snoozed", "Snoozed"),
                            ("taken_back", "Taken Back"),
                            ("assigned", "Assigned"),
                            ("noted", "Noted"),
                            ("woken", "Woken"),
                            ("changed", "Changed"),
                            ("reopened", "Reopened"),
                        ],
                        max_length=16,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("by_name", models.CharField(blank=True, max_length=150)),
                ("text", models.TextField(blank=True)),
                ("until", models.DateTimeField(null=True)),
                ("link", models.BigIntegerField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="incident",
            name="acknowledged_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="incident",
            name="acknowledged_by_name",
            field=models.CharField(blank=True, db_default="", default="", max_length=150),
        ),
        migrations.AddField(
            model_name="incident",
            name="assignee",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="incidents",
                to="organizations.membership",
            ),
        ),
        migrations.AddField(
            model_name="incident",
            name="is_snoozed_until_change",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="incident",
            name="reopens_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="incident",
            name="snoozed_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="notification",
            name="held_until",
            field=models.DateTimeField(null=True),
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
                ],
                max_length=8,
            ),
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(
                condition=models.Q(("closed_at", None), ("snoozed_until__isnull", False)),
                fields=["snoozed_until"],
                name="incident_snoozed",
            ),
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(
                condition=models.Q(("reopens_until__isnull", False)),
                fields=["station", "rule"],
                name="incident_reopens",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("acknowledged_at__isnull", False),
                    models.Q(("is_snoozed_until_change", False), ("snoozed_until", None)),
                    _connector="OR",
                ),
                name="incident_snoozed_by_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(("snoozed_until", None), ("is_snoozed_until_change", False), _connector="OR"),
                name="incident_snoozed_one_way",
            ),
        ),
        migrations.AddField(
            model_name="incidentstep",
            name="by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="incidentstep",
            name="incident",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="alerts.incident"
            ),
        ),
        migrations.AddConstraint(
            model_name="incidentstep",
            constraint=models.UniqueConstraint(fields=("incident", "link"), name="incident_link_once"),
        ),
    ]
