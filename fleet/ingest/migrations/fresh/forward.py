"""The tables of forward in a new database."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="Forwarder",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("kind", models.CharField(max_length=32)),
            ("name", models.CharField(max_length=80)),
            ("settings", models.JSONField(default=dict)),
            ("sealed_secrets", models.TextField(blank=True, default="")),
            (
                "reach",
                models.CharField(
                    choices=[("all", "All"), ("stations", "Stations"), ("public", "Public")],
                    default="all",
                    max_length=16,
                ),
            ),
            (
                "station_ids",
                django.contrib.postgres.fields.ArrayField(
                    base_field=models.BigIntegerField(), blank=True, default=list, size=None
                ),
            ),
            (
                "series",
                django.contrib.postgres.fields.ArrayField(
                    base_field=models.CharField(max_length=128), blank=True, default=list, size=None
                ),
            ),
            ("names", models.JSONField(blank=True, default=list)),
            ("is_clean", models.BooleanField(default=True)),
            ("added_at", models.DateTimeField()),
            ("added_by_name", models.CharField(blank=True, max_length=150)),
            ("after_xact", models.BigIntegerField()),
            ("after_id", models.BigIntegerField(default=0)),
            ("upto_xact", models.BigIntegerField(null=True)),
            ("upto_id", models.BigIntegerField(null=True)),
            ("row_series", models.BigIntegerField(null=True)),
            ("row_at", models.DateTimeField(null=True)),
            ("backfill_from", models.DateTimeField(null=True)),
            ("backfill_until", models.DateTimeField(null=True)),
            ("backfill_series", models.BigIntegerField(null=True)),
            ("backfill_at", models.DateTimeField(null=True)),
            ("rows_sent", models.BigIntegerField(default=0)),
            ("rows_known", models.BigIntegerField(default=0)),
            ("rows_kept_back", models.BigIntegerField(default=0)),
            ("rows_refused", models.BigIntegerField(default=0)),
            ("paused_at", models.DateTimeField(null=True)),
            ("paused_why", models.TextField(blank=True, default="")),
            ("is_fed", models.BooleanField(default=True)),
            ("failures", models.IntegerField(default=0)),
            ("failing_since", models.DateTimeField(null=True)),
            ("next_try_at", models.DateTimeField(null=True)),
            ("last_run_at", models.DateTimeField(null=True)),
            ("last_sent_at", models.DateTimeField(null=True)),
            ("answer", models.TextField(blank=True, default="")),
            ("answered_at", models.DateTimeField(null=True)),
            ("claimed_until", models.DateTimeField(null=True)),
            ("claims", models.IntegerField(default=0)),
            (
                "organization",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="forwarders",
                    to="organizations.organization",
                ),
            ),
            ("wants_readings", models.BooleanField(db_default=True, default=True)),
            (
                "detections",
                models.CharField(
                    choices=[("none", "None"), ("tags", "Tags"), ("all", "All")],
                    db_default="none",
                    default="none",
                    max_length=8,
                ),
            ),
            ("row_detection", models.JSONField(null=True)),
            ("backfill_detection", models.JSONField(null=True)),
            ("kept_back_why", models.JSONField(null=True)),
            ("call_s", models.FloatField(null=True)),
            ("rows_at_once", models.IntegerField(null=True)),
            ("test_asked_at", models.DateTimeField(null=True)),
            ("test_answer", models.TextField(blank=True, db_default="", default="")),
            ("tested_at", models.DateTimeField(null=True)),
        ],
        options={
            "indexes": [
                models.Index(condition=models.Q(("is_fed", True)), fields=["organization"], name="forwarder_fed")
            ],
            "constraints": [models.UniqueConstraint(fields=("organization", "name"), name="forwarder_name_once")],
        },
    ),
    migrations.CreateModel(
        name="ForwardNote",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("xact", models.BigIntegerField()),
            ("received_at", models.DateTimeField()),
            ("series_ids", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
            ("hours", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
            ("noted_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            (
                "organization",
                models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    on_delete=django.db.models.deletion.CASCADE,
                    to="organizations.organization",
                ),
            ),
            (
                "station_ids",
                django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=None),
            ),
            (
                "station_hours",
                django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), null=True, size=None),
            ),
        ],
        options={
            "indexes": [models.Index(fields=["organization", "xact", "id"], name="forward_note_order")],
        },
    ),
    migrations.CreateModel(
        name="GivenId",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("key", models.CharField(max_length=200)),
            ("there", models.CharField(max_length=200)),
            (
                "forwarder",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="given_ids", to="forward.forwarder"
                ),
            ),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("forwarder", "key"), name="given_id_once")],
        },
    ),
    migrations.CreateModel(
        name="RefusedRow",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("occurred_at", models.DateTimeField()),
            ("reason", models.TextField()),
            ("refused_at", models.DateTimeField()),
            ("is_waiting", models.BooleanField(default=False)),
            (
                "forwarder",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="refused", to="forward.forwarder"
                ),
            ),
            (
                "series",
                models.ForeignKey(
                    null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="telemetry.series"
                ),
            ),
            (
                "station",
                models.ForeignKey(
                    null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="stations.station"
                ),
            ),
            ("port", models.SmallIntegerField(null=True)),
            ("kind", models.SmallIntegerField(choices=[(1, "Pulse"), (2, "Tag")], null=True)),
            ("line", models.IntegerField(null=True)),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(fields=("forwarder", "series", "occurred_at"), name="refused_row_once"),
                models.UniqueConstraint(
                    fields=("forwarder", "station", "occurred_at", "port", "kind", "line"),
                    name="refused_detection_once",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="Tap",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=80)),
            ("queue", models.CharField(max_length=24, unique=True)),
            ("secret_hash", models.CharField(max_length=64)),
            (
                "events",
                django.contrib.postgres.fields.ArrayField(
                    base_field=models.CharField(max_length=40), blank=True, default=list, size=None
                ),
            ),
            (
                "stations",
                django.contrib.postgres.fields.ArrayField(
                    base_field=models.CharField(max_length=64), blank=True, default=list, size=None
                ),
            ),
            ("messages_most", models.IntegerField()),
            ("bytes_most", models.BigIntegerField()),
            ("seconds_most", models.IntegerField()),
            ("added_at", models.DateTimeField()),
            ("added_by_name", models.CharField(blank=True, max_length=150)),
            ("waiting", models.BigIntegerField(null=True)),
            ("waiting_bytes", models.BigIntegerField(default=0)),
            ("unconfirmed", models.BigIntegerField(default=0)),
            ("readers", models.IntegerField(default=0)),
            ("seen_at", models.DateTimeField(null=True)),
            ("taken", models.BigIntegerField(default=0)),
            ("taken_there", models.BigIntegerField(default=0)),
            ("last_taken_at", models.DateTimeField(null=True)),
            ("dropped", models.BigIntegerField(default=0)),
            ("expired", models.BigIntegerField(default=0)),
            ("last_dropped_at", models.DateTimeField(null=True)),
            ("is_at_least", models.BooleanField(default=False)),
            (
                "organization",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="taps", to="organizations.organization"
                ),
            ),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("organization", "name"), name="tap_name_once")],
        },
    ),
]
