"""The tables of exports in a new database."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="DataTerms",
        fields=[
            (
                "organization",
                models.OneToOneField(
                    on_delete=django.db.models.deletion.CASCADE,
                    primary_key=True,
                    related_name="data_terms",
                    serialize=False,
                    to="organizations.organization",
                ),
            ),
            ("licence", models.CharField(blank=True, max_length=32)),
            ("citation", models.CharField(blank=True, max_length=500)),
        ],
    ),
    migrations.CreateModel(
        name="DataPackage",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("asked_by_name", models.CharField(blank=True, max_length=150)),
            ("asked_at", models.DateTimeField()),
            ("station_ids", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
            (
                "deployment_ids",
                django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None),
            ),
            ("kinds", django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=16), size=None)),
            (
                "series",
                django.contrib.postgres.fields.ArrayField(
                    base_field=models.CharField(max_length=128), default=list, size=None
                ),
            ),
            ("start_at", models.DateTimeField()),
            ("end_at", models.DateTimeField()),
            ("format", models.CharField(max_length=8)),
            ("is_local", models.BooleanField(default=False)),
            ("is_clean", models.BooleanField(default=False)),
            ("licence", models.CharField(blank=True, max_length=32)),
            ("citation", models.CharField(blank=True, max_length=500)),
            (
                "state",
                models.CharField(
                    choices=[
                        ("waiting", "Waiting"),
                        ("making", "Making"),
                        ("done", "Done"),
                        ("failed", "Failed"),
                        ("expired", "Expired"),
                        ("withdrawn", "Withdrawn"),
                    ],
                    default="waiting",
                    max_length=16,
                ),
            ),
            ("attempts", models.IntegerField(default=0)),
            ("begun_at", models.DateTimeField(null=True)),
            ("parts", models.IntegerField(default=0)),
            ("parts_all", models.IntegerField(default=0)),
            ("rows", models.BigIntegerField(default=0)),
            ("bytes", models.BigIntegerField(default=0)),
            ("left_out", models.BigIntegerField(default=0)),
            ("reason", models.CharField(blank=True, max_length=500)),
            ("done_at", models.DateTimeField(null=True)),
            ("expires_at", models.DateTimeField(null=True)),
            ("name", models.CharField(max_length=32, unique=True)),
            ("sha256", models.CharField(blank=True, max_length=64)),
            (
                "asked_by",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (
                "organization",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="packages",
                    to="organizations.organization",
                ),
            ),
        ],
        options={
            "indexes": [
                models.Index(fields=["organization", "-id"], name="package_newest_first"),
                models.Index(
                    condition=models.Q(("state__in", ["waiting", "making", "done"])),
                    fields=["state"],
                    name="package_open",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="PackageSchedule",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=80)),
            ("every", models.CharField(choices=[("day", "Day"), ("week", "Week"), ("month", "Month")], max_length=8)),
            (
                "target",
                models.CharField(
                    choices=[("page", "Page"), ("folder", "Folder"), ("objects", "Objects")], max_length=8
                ),
            ),
            ("created_by_name", models.CharField(blank=True, max_length=150)),
            ("created_at", models.DateTimeField()),
            (
                "station_ids",
                django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None),
            ),
            ("kinds", django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=16), size=None)),
            (
                "series",
                django.contrib.postgres.fields.ArrayField(
                    base_field=models.CharField(max_length=128), default=list, size=None
                ),
            ),
            ("format", models.CharField(max_length=8)),
            ("is_local", models.BooleanField(default=False)),
            ("is_clean", models.BooleanField(default=False)),
            ("next_start", models.DateTimeField(db_index=True)),
            ("failing_since", models.DateTimeField(null=True)),
            (
                "created_by",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (
                "organization",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="package_schedules",
                    to="organizations.organization",
                ),
            ),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(fields=("organization", "name"), name="package_schedule_name_once")
            ],
        },
    ),
    migrations.CreateModel(
        name="ScheduledPart",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("start_at", models.DateTimeField()),
            ("end_at", models.DateTimeField()),
            (
                "state",
                models.CharField(
                    choices=[("waiting", "Waiting"), ("making", "Making"), ("done", "Done")],
                    default="waiting",
                    max_length=8,
                ),
            ),
            ("revision", models.IntegerField(default=1)),
            ("next_at", models.DateTimeField(null=True)),
            ("failures", models.IntegerField(default=0)),
            ("reason", models.CharField(blank=True, max_length=500)),
            ("package_number", models.BigIntegerField(null=True)),
            ("figures", models.CharField(blank=True, max_length=300)),
            ("place", models.CharField(blank=True, max_length=300)),
            ("rows", models.BigIntegerField(default=0)),
            ("bytes", models.BigIntegerField(default=0)),
            ("sha256", models.CharField(blank=True, max_length=64)),
            ("done_at", models.DateTimeField(null=True)),
            (
                "schedule",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="parts", to="exports.packageschedule"
                ),
            ),
        ],
        options={
            "indexes": [
                models.Index(
                    condition=models.Q(("next_at__isnull", False)), fields=["next_at"], name="scheduled_part_due"
                )
            ],
            "constraints": [models.UniqueConstraint(fields=("schedule", "start_at"), name="scheduled_part_once")],
        },
    ),
    migrations.CreateModel(
        name="AnalystLogin",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=80)),
            ("role", models.CharField(max_length=63, unique=True)),
            ("connections", models.SmallIntegerField()),
            ("minutes", models.SmallIntegerField()),
            ("created_at", models.DateTimeField()),
            ("created_by_name", models.CharField(blank=True, max_length=150)),
            (
                "organization",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="analysts",
                    to="organizations.organization",
                ),
            ),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("organization", "name"), name="analyst_name_once")],
        },
    ),
]
