"""The tables of commands in a new database."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="Command",
        fields=[
            ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=64)),
            ("parameters", models.JSONField(default=dict)),
            (
                "state",
                models.CharField(
                    choices=[
                        ("queued", "Queued"),
                        ("sent", "Sent"),
                        ("received", "Received"),
                        ("running", "Running"),
                        ("succeeded", "Succeeded"),
                        ("failed", "Failed"),
                        ("refused", "Refused"),
                        ("expired", "Expired"),
                        ("cancelled", "Cancelled"),
                    ],
                    default="queued",
                    max_length=16,
                ),
            ),
            ("issued_by_name", models.CharField(blank=True, max_length=150)),
            ("issued_at", models.DateTimeField()),
            ("expires_at", models.DateTimeField()),
            ("sent_at", models.DateTimeField(null=True)),
            ("closed_at", models.DateTimeField(null=True)),
            ("note", models.CharField(blank=True, max_length=256)),
            ("result", models.JSONField(default=dict)),
            ("output", models.TextField(blank=True)),
            (
                "issued_by",
                models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL),
            ),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="commands", to="stations.station"
                ),
            ),
            (
                "withdrawal",
                models.CharField(
                    blank=True,
                    choices=[
                        ("unsent", "Unsent"),
                        ("sought", "Sought"),
                        ("taken_back", "Taken Back"),
                        ("stopped", "Stopped"),
                        ("lapsed", "Lapsed"),
                        ("ran", "Ran"),
                    ],
                    db_default="",
                    max_length=16,
                ),
            ),
            ("copies", models.SmallIntegerField(db_default=0, default=0)),
            ("sought_at", models.DateTimeField(null=True)),
            ("ran_at", models.DateTimeField(null=True)),
            ("reports_left_out", models.BigIntegerField(db_default=0, default=0)),
        ],
        options={
            "indexes": [
                models.Index(fields=["station", "-issued_at"], name="commands_co_station_c2566c_idx"),
                models.Index(
                    condition=models.Q(("state__in", ["queued", "sent", "received", "running"])),
                    fields=["expires_at"],
                    name="command_open_expiry",
                ),
                models.Index(condition=models.Q(("withdrawal", "sought")), fields=["sought_at"], name="command_sought"),
            ],
        },
    ),
    migrations.CreateModel(
        name="CommandStep",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            (
                "state",
                models.CharField(
                    choices=[
                        ("queued", "Queued"),
                        ("sent", "Sent"),
                        ("received", "Received"),
                        ("running", "Running"),
                        ("succeeded", "Succeeded"),
                        ("failed", "Failed"),
                        ("refused", "Refused"),
                        ("expired", "Expired"),
                        ("cancelled", "Cancelled"),
                    ],
                    max_length=16,
                ),
            ),
            ("occurred_at", models.DateTimeField()),
            ("received_at", models.DateTimeField()),
            ("is_applied", models.BooleanField(default=True)),
            ("note", models.CharField(blank=True, max_length=256)),
            (
                "command",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="commands.command"
                ),
            ),
        ],
        options={
            "ordering": ["id"],
        },
    ),
    migrations.CreateModel(
        name="Congestion",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("cause", models.CharField(max_length=16)),
            ("waiting", models.BigIntegerField()),
            ("asked", models.IntegerField(default=0)),
            ("started_at", models.DateTimeField()),
            ("ended_at", models.DateTimeField(null=True)),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(
                    models.Value(1), condition=models.Q(("ended_at", None)), name="congestion_open_once"
                )
            ],
        },
    ),
]
