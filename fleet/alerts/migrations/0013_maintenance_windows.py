"""Maintenance can be planned, and incidents that open in it are held back until it is over."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """A table of the windows, and three columns of incidents."""

    dependencies = [
        ("alerts", "0012_shared_failures_and_what_is_held"),
        ("deployments", "0005_antennas_have_a_beam"),
        ("organizations", "0007_how_a_person_sees_files"),
        ("stations", "0018_stations_know_their_planned_maintenance"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="MaintenanceWindow",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("first_day", models.DateField()),
                ("first_time", models.TimeField()),
                ("duration_s", models.PositiveIntegerField()),
                ("timezone", models.CharField(max_length=64)),
                ("rrule", models.CharField(blank=True, max_length=200)),
                ("reason", models.CharField(max_length=200)),
                ("added_by_name", models.CharField(blank=True, max_length=150)),
                ("added_at", models.DateTimeField()),
                ("is_open", models.BooleanField(default=False)),
                ("opens_at", models.DateTimeField(null=True)),
                ("closes_at", models.DateTimeField(null=True)),
                ("due_at", models.DateTimeField(null=True)),
                (
                    "added_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                *(
                    (
                        name,
                        models.ForeignKey(
                            null=name != "organization",
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="maintenance_windows",
                            to=model,
                        ),
                    )
                    for name, model in (
                        ("organization", "organizations.organization"),
                        ("station", "stations.station"),
                        ("site", "deployments.site"),
                        ("group", "stations.stationgroup"),
                    )
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=Q(("due_at__isnull", False)), fields=["due_at"], name="maintenance_due"),
                    models.Index(condition=Q(("is_open", True)), fields=["organization"], name="maintenance_open"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(("group", None), ("site", None), ("station__isnull", False))
                        | Q(("group", None), ("site__isnull", False), ("station", None))
                        | Q(("group__isnull", False), ("site", None), ("station", None)),
                        name="maintenance_of_one",
                    ),
                    models.CheckConstraint(
                        condition=Q(("closes_at", None), ("due_at", None), ("is_open", False), ("opens_at", None))
                        | Q(("closes_at__isnull", False), ("due_at__isnull", False), ("opens_at__isnull", False)),
                        name="maintenance_has_its_times",
                    ),
                ],
            },
        ),
        migrations.AddField("incident", "is_held", models.BooleanField(db_default=False, default=False)),
        migrations.AddField(
            "incident", "held_reason", models.CharField(blank=True, db_default="", default="", max_length=200)
        ),
        migrations.AddField("incident", "held_until", models.DateTimeField(null=True)),
        migrations.AddIndex(
            "incident",
            models.Index(condition=Q(("closed_at", None), ("is_held", True)), fields=["station"], name="incident_held"),
        ),
    ]
