"""Members may get a digest of an organization by mail, and its incidents may have a secret address."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A table of the choices, and one of the addresses."""

    dependencies = [
        ("alerts", "0010_sealed_addresses_and_unknown_results"),
        ("organizations", "0007_how_a_person_sees_files"),
    ]

    operations = [
        migrations.CreateModel(
            name="Digest",
            fields=[
                (
                    "membership",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="digest",
                        serialize=False,
                        to="organizations.membership",
                    ),
                ),
                (
                    "rhythm",
                    models.CharField(
                        choices=[("daily", "every day"), ("weekly", "every week"), ("monthly", "every month")],
                        max_length=8,
                    ),
                ),
                ("is_on", models.BooleanField(default=True)),
                ("told_until", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("counted", models.JSONField(db_default={}, default=dict)),
                ("last_made_at", models.DateTimeField(null=True)),
                ("last_error", models.TextField(blank=True, db_default="", default="")),
            ],
            options={
                "indexes": [models.Index(condition=models.Q(("is_on", True)), fields=["due_at"], name="digest_due")],
            },
        ),
        migrations.CreateModel(
            name="IncidentFeed",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="incident_feed",
                        serialize=False,
                        to="organizations.organization",
                    ),
                ),
                ("seed", models.CharField(max_length=32)),
                ("made_at", models.DateTimeField()),
            ],
        ),
    ]
