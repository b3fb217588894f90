"""The tables of ingest in a new database."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="QuarantinedMessage",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("exchange", models.CharField(max_length=128)),
            ("routing_key", models.CharField(max_length=255)),
            ("reason", models.CharField(max_length=32)),
            ("sentence", models.TextField()),
            ("properties", models.JSONField(default=dict)),
            ("body", models.BinaryField()),
            ("body_bytes", models.IntegerField()),
            ("stream", models.CharField(blank=True, max_length=64)),
            ("seq", models.BigIntegerField(null=True)),
            ("received_at", models.DateTimeField()),
            (
                "state",
                models.CharField(
                    choices=[("held", "Held"), ("replayed", "Replayed"), ("discarded", "Discarded")],
                    default="held",
                    max_length=16,
                ),
            ),
            (
                "station",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="quarantined",
                    to="stations.station",
                ),
            ),
            ("decided_at", models.DateTimeField(null=True)),
            ("decided_by", models.CharField(blank=True, db_default="", default="", max_length=150)),
            ("note", models.TextField(blank=True, db_default="", default="")),
            ("is_unread", models.BooleanField(db_default=False, default=False)),
        ],
        options={
            "indexes": [
                models.Index(fields=["station", "-received_at"], name="ingest_quar_station_aed4c2_idx"),
                models.Index(fields=["-received_at"], name="ingest_quar_receive_e21ee9_idx"),
                models.Index(
                    condition=models.Q(("state", "held")),
                    fields=["station", "reason", "received_at"],
                    name="quarantine_held",
                ),
                models.Index(
                    condition=models.Q(("seq__isnull", False)),
                    fields=["station", "stream", "seq"],
                    name="quarantine_numbers",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="QuarantineReplay",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("reason", models.CharField(max_length=32)),
            (
                "organization_ids",
                django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=None),
            ),
            ("asked_by_name", models.CharField(max_length=150)),
            ("asked_at", models.DateTimeField()),
            ("up_to_id", models.BigIntegerField()),
            ("last_id", models.BigIntegerField(default=0)),
            ("total", models.IntegerField()),
            ("done", models.IntegerField(default=0)),
            ("stored", models.IntegerField(default=0)),
            ("quarantined", models.IntegerField(default=0)),
            ("finished_at", models.DateTimeField(null=True)),
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
                "station",
                models.ForeignKey(
                    null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="stations.station"
                ),
            ),
        ],
        options={
            "indexes": [
                models.Index(condition=models.Q(("finished_at", None)), fields=["id"], name="replay_unfinished")
            ],
        },
    ),
    migrations.CreateModel(
        name="QuarantineTally",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            (
                "station",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="quarantine_tallies",
                    to="stations.station",
                ),
            ),
            ("reason", models.CharField(max_length=32)),
            ("kept", models.BigIntegerField(db_default=0, default=0)),
            ("kept_bytes", models.BigIntegerField(db_default=0, default=0)),
            ("cut", models.BigIntegerField(db_default=0, default=0)),
            ("cut_bytes", models.BigIntegerField(db_default=0, default=0)),
            ("first_cut_at", models.DateTimeField(null=True)),
            ("last_cut_at", models.DateTimeField(null=True)),
            ("sentence", models.TextField(blank=True, db_default="", default="")),
            ("body_start", models.BinaryField(db_default=b"", default=b"")),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(fields=("station", "reason"), name="quarantine_tally", nulls_distinct=False)
            ],
        },
    ),
    migrations.CreateModel(
        name="Backfill",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("asked_by_name", models.CharField(blank=True, max_length=150)),
            ("asked_at", models.DateTimeField()),
            ("answered_by_name", models.CharField(blank=True, max_length=150)),
            ("answered_at", models.DateTimeField(null=True)),
            ("search", models.CharField(blank=True, max_length=100)),
            (
                "revision_ids",
                django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None),
            ),
            ("stored_since", models.DateTimeField(null=True)),
            ("is_unread", models.BooleanField(default=False)),
            ("newest_id", models.BigIntegerField()),
            (
                "also_of",
                django.contrib.postgres.fields.ArrayField(
                    base_field=models.CharField(max_length=80), default=list, size=None
                ),
            ),
            ("leaves_others", models.BooleanField(default=False)),
            ("any_clock", models.BooleanField(default=False)),
            (
                "state",
                models.CharField(
                    choices=[
                        ("surveying", "Surveying"),
                        ("surveyed", "Surveyed"),
                        ("sending", "Sending"),
                        ("done", "Done"),
                        ("failed", "Failed"),
                        ("stopped", "Stopped"),
                    ],
                    default="surveying",
                    max_length=16,
                ),
            ),
            ("attempts", models.IntegerField(default=0)),
            ("turn_at", models.DateTimeField(null=True)),
            ("due_at", models.DateTimeField()),
            ("reason", models.CharField(blank=True, max_length=500)),
            ("done_at", models.DateTimeField(null=True)),
            ("at_path", models.CharField(blank=True, max_length=512)),
            ("at_number", models.IntegerField(default=0)),
            ("at_member", models.IntegerField(default=0)),
            ("stored", models.IntegerField(default=0)),
            ("stored_all", models.IntegerField()),
            ("octets", models.BigIntegerField(default=0)),
            ("octets_all", models.BigIntegerField()),
            ("totals", models.JSONField(default=dict)),
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
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="backfills", to="stations.station"
                ),
            ),
        ],
        options={
            "indexes": [
                models.Index(fields=["station", "-id"], name="backfill_newest_first"),
                models.Index(
                    condition=models.Q(("state__in", ["surveying", "sending"])), fields=["due_at"], name="backfill_due"
                ),
            ],
            "constraints": [
                models.UniqueConstraint(
                    condition=models.Q(("state__in", ["surveying", "surveyed", "sending"])),
                    fields=("station",),
                    name="backfill_open_once",
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="BackfillFile",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("revision_id", models.BigIntegerField()),
            ("content_id", models.BigIntegerField()),
            ("member", models.IntegerField()),
            ("name", models.CharField(max_length=600)),
            ("serial", models.CharField(blank=True, max_length=64)),
            ("stream", models.CharField(blank=True, max_length=64)),
            ("state", models.CharField(max_length=8)),
            ("reason", models.CharField(blank=True, max_length=256)),
            ("refusals", models.JSONField(default=dict)),
            ("octets", models.BigIntegerField(default=0)),
            ("lines", models.JSONField(default=dict)),
            ("lines_read", models.BigIntegerField(default=0)),
            ("lines_known", models.BigIntegerField(default=0)),
            ("lines_kept_back", models.BigIntegerField(default=0)),
            ("lines_refused", models.BigIntegerField(default=0)),
            ("before", models.JSONField(default=dict)),
            ("after", models.JSONField(null=True)),
            ("missing", models.IntegerField(default=0)),
            (
                "backfill",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="files", to="ingest.backfill"
                ),
            ),
            ("is_left", models.BooleanField(db_default=False, default=False)),
        ],
        options={
            "indexes": [
                models.Index(
                    condition=models.Q(
                        models.Q(("state", "done"), _negated=True),
                        models.Q(("reason", ""), _negated=True),
                        ("lines_refused__gt", 0),
                        _connector="OR",
                    ),
                    fields=["backfill", "id"],
                    name="backfill_file_told",
                ),
                models.Index(fields=["content_id", "revision_id"], name="backfill_file_read"),
            ],
            "constraints": [
                models.UniqueConstraint(fields=("backfill", "revision_id", "member"), name="backfill_file_once")
            ],
        },
    ),
]
