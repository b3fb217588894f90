"""The tables of holdings in a new database."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="StationHolding",
        fields=[
            (
                "station",
                models.OneToOneField(
                    on_delete=django.db.models.deletion.CASCADE,
                    primary_key=True,
                    related_name="holding",
                    serialize=False,
                    to="stations.station",
                ),
            ),
            ("said_at", models.DateTimeField()),
            ("said_stream", models.CharField(max_length=64)),
            ("said_seq", models.BigIntegerField()),
            ("received_at", models.DateTimeField()),
            ("held", models.BigIntegerField()),
            ("held_octets", models.BigIntegerField()),
            ("waiting", models.BigIntegerField()),
            ("waiting_octets", models.BigIntegerField()),
            ("left", models.JSONField(default=dict)),
            ("network", models.CharField(blank=True, default="", max_length=32)),
            ("listed_at", models.DateTimeField(null=True)),
            ("refused", models.BigIntegerField(db_default=0, default=0)),
            ("refused_listing", models.BigIntegerField(db_default=0, default=0)),
            ("summed_at", models.DateTimeField(null=True)),
            ("summed_for", models.CharField(blank=True, db_default="", default="", max_length=300)),
            ("sums", models.JSONField(db_default=[], default=list)),
        ],
    ),
    migrations.CreateModel(
        name="HeldFile",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("path", models.CharField(max_length=512)),
            ("octets", models.BigIntegerField()),
            ("sha256", models.CharField(max_length=64)),
            ("modified_at", models.DateTimeField(null=True)),
            ("first_at", models.DateTimeField(null=True)),
            ("last_at", models.DateTimeField(null=True)),
            ("lines", models.JSONField(default=dict)),
            ("is_gone", models.BooleanField(default=False)),
            ("said_at", models.DateTimeField()),
            ("said_stream", models.CharField(max_length=64)),
            ("said_seq", models.BigIntegerField()),
            ("listing", models.BigIntegerField()),
            ("first_told_at", models.DateTimeField()),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="held_files", to="stations.station"
                ),
            ),
            ("asked_at", models.DateTimeField(null=True)),
            ("asked_until", models.DateTimeField(null=True)),
            ("asked_with", models.UUIDField(null=True)),
            ("end", models.CharField(blank=True, db_default="", default="", max_length=8)),
            ("end_reason", models.CharField(blank=True, db_default="", default="", max_length=300)),
            ("ended_at", models.DateTimeField(null=True)),
            ("octets_sent", models.BigIntegerField(db_default=0, default=0)),
            ("wanted_at", models.DateTimeField(null=True)),
            ("wanted_by_name", models.CharField(blank=True, db_default="", default="", max_length=150)),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("station", "path"), name="held_file_once")],
            "indexes": [
                models.Index(
                    condition=models.Q(("asked_at", None), _negated=True),
                    fields=["station", "asked_at"],
                    name="held_file_asked",
                ),
                models.Index(
                    condition=models.Q(("wanted_at", None), _negated=True), fields=["station"], name="held_file_wanted"
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="FetchPolicy",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            (
                "mode",
                models.CharField(
                    choices=[
                        ("none", "nothing"),
                        ("demand", "what people choose"),
                        ("heard", "files with detections"),
                        ("all", "all files"),
                    ],
                    default="none",
                    max_length=8,
                ),
            ),
            ("octets_per_day", models.BigIntegerField(null=True)),
            ("hour_from", models.SmallIntegerField(null=True)),
            ("hour_to", models.SmallIntegerField(null=True)),
            ("days_most", models.IntegerField(null=True)),
            ("is_newest_first", models.BooleanField(default=True)),
            (
                "networks",
                django.contrib.postgres.fields.ArrayField(
                    base_field=models.CharField(max_length=16), default=list, size=None
                ),
            ),
            ("changed_at", models.DateTimeField()),
            ("changed_by_name", models.CharField(max_length=150)),
            (
                "organization",
                models.OneToOneField(
                    null=True,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="fetch_policy",
                    to="organizations.organization",
                ),
            ),
            (
                "station",
                models.OneToOneField(
                    null=True,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="fetch_policy",
                    to="stations.station",
                ),
            ),
        ],
        options={
            "constraints": [
                models.CheckConstraint(
                    condition=models.Q(
                        models.Q(("organization", None), ("station__isnull", False)),
                        models.Q(("organization__isnull", False), ("station", None)),
                        _connector="OR",
                    ),
                    name="fetch_policy_of_one",
                )
            ],
        },
    ),
]
