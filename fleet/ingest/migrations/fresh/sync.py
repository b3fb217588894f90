"""The tables of sync in a new database."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="ExternalRecord",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("system", models.CharField(max_length=32)),
            ("key", models.CharField(max_length=200)),
            ("match_name", models.CharField(db_index=True, max_length=200)),
            ("data", models.JSONField()),
            ("first_seen_at", models.DateTimeField()),
            ("last_seen_at", models.DateTimeField()),
            ("absent_since", models.DateTimeField(null=True)),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("system", "key"), name="external_key_once")],
        },
    ),
    migrations.CreateModel(
        name="SyncRun",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("system", models.CharField(max_length=32)),
            (
                "state",
                models.CharField(
                    choices=[("running", "Running"), ("succeeded", "Succeeded"), ("failed", "Failed")],
                    default="running",
                    max_length=16,
                ),
            ),
            ("started_by_name", models.CharField(blank=True, max_length=150)),
            ("started_at", models.DateTimeField()),
            ("finished_at", models.DateTimeField(null=True)),
            ("records", models.IntegerField(default=0)),
            ("changes", models.IntegerField(default=0)),
            ("sentence", models.TextField(blank=True)),
            ("not_before", models.DateTimeField(null=True)),
            ("doubted_rows", models.IntegerField(null=True)),
        ],
        options={
            "indexes": [models.Index(fields=["system", "-started_at"], name="sync_syncru_system_94aa20_idx")],
        },
    ),
    migrations.CreateModel(
        name="ExternalChange",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("field", models.CharField(max_length=64)),
            ("before", models.JSONField(null=True)),
            ("after", models.JSONField(null=True)),
            ("at", models.DateTimeField()),
            (
                "record",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="changes", to="sync.externalrecord"
                ),
            ),
            (
                "run",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="field_changes", to="sync.syncrun"
                ),
            ),
            (
                "station",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="external_changes",
                    to="stations.station",
                ),
            ),
        ],
        options={
            "indexes": [models.Index(fields=["-at"], name="sync_extern_at_ebcbe7_idx")],
        },
    ),
    migrations.CreateModel(
        name="ExternalLink",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("system", models.CharField(max_length=32)),
            ("checked_at", models.DateTimeField()),
            ("changed_at", models.DateTimeField()),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="external_links", to="stations.station"
                ),
            ),
            (
                "record",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="links",
                    to="sync.externalrecord",
                ),
            ),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("station", "system"), name="external_link_once")],
        },
    ),
    migrations.CreateModel(
        name="MotusAccount",
        fields=[
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("login", models.CharField(blank=True, default="", max_length=150)),
            ("sealed_password", models.TextField(blank=True, default="")),
            (
                "project_ids",
                django.contrib.postgres.fields.ArrayField(
                    base_field=models.IntegerField(), blank=True, default=list, size=None
                ),
            ),
            ("projects", models.JSONField(blank=True, default=dict)),
            ("is_refused", models.BooleanField(default=False)),
            ("refusals", models.SmallIntegerField(default=0)),
            ("asked_at", models.DateTimeField(null=True)),
            ("checked_at", models.DateTimeField(null=True)),
            ("answer", models.TextField(blank=True, default="")),
            (
                "organization",
                models.OneToOneField(
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="motus_account",
                    to="organizations.organization",
                ),
            ),
            ("read_answer", models.TextField(blank=True, default="")),
            ("read_at", models.DateTimeField(null=True)),
            ("read_tried_at", models.DateTimeField(null=True)),
            ("files_answer", models.TextField(blank=True, default="")),
            ("files_asked_at", models.DateTimeField(null=True)),
            ("files_found_at", models.DateTimeField(null=True)),
            ("is_automatic", models.BooleanField(default=False)),
            ("tags_answer", models.TextField(blank=True, default="")),
            ("tags_read_at", models.DateTimeField(null=True)),
        ],
    ),
    migrations.CreateModel(
        name="MotusDeployment",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("number", models.BigIntegerField()),
            ("project_id", models.IntegerField()),
            ("serial", models.CharField(max_length=200)),
            ("match_name", models.CharField(max_length=200)),
            ("name", models.CharField(blank=True, max_length=200)),
            ("status", models.CharField(blank=True, max_length=40)),
            ("latitude", models.FloatField(null=True)),
            ("longitude", models.FloatField(null=True)),
            ("starts_at", models.DateTimeField(null=True)),
            ("ends_at", models.DateTimeField(null=True)),
            ("antennas", models.JSONField(default=list)),
            (
                "account",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="deployments", to="sync.motusaccount"
                ),
            ),
        ],
        options={
            "indexes": [models.Index(fields=["account", "match_name"], name="sync_motusd_account_7b2751_idx")],
            "constraints": [models.UniqueConstraint(fields=("account", "number"), name="motus_deployment_once")],
        },
    ),
    migrations.CreateModel(
        name="MotusDifference",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            (
                "kind",
                models.CharField(
                    choices=[
                        ("unknown_there", "Unknown There"),
                        ("unknown_here", "Unknown Here"),
                        ("place", "Place"),
                        ("port", "Port"),
                        ("frequency", "Frequency"),
                        ("bearing", "Bearing"),
                        ("height", "Height"),
                    ],
                    max_length=16,
                ),
            ),
            ("port", models.IntegerField(null=True)),
            ("ours", models.CharField(blank=True, max_length=200)),
            ("theirs", models.CharField(blank=True, max_length=200)),
            ("found_at", models.DateTimeField()),
            ("kept_at", models.DateTimeField(null=True)),
            ("kept_by_name", models.CharField(blank=True, default="", max_length=150)),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="motus_differences", to="stations.station"
                ),
            ),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(
                    fields=("station", "kind", "port"), name="motus_difference_once", nulls_distinct=False
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="MotusUpload",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("serial", models.CharField(max_length=128)),
            ("day", models.DateField()),
            ("project_id", models.IntegerField(null=True)),
            ("files", models.JSONField(default=list)),
            (
                "state",
                models.CharField(
                    choices=[
                        ("found", "Found"),
                        ("held", "Held"),
                        ("queued", "Queued"),
                        ("sent", "Sent"),
                        ("data", "Data"),
                        ("known", "Known"),
                        ("refused", "Refused"),
                    ],
                    default="found",
                    max_length=16,
                ),
            ),
            ("sentence", models.TextField(blank=True, default="")),
            ("warnings", models.TextField(blank=True, default="")),
            ("sha1", models.CharField(blank=True, default="", max_length=40)),
            ("octets", models.BigIntegerField(default=0)),
            ("job_id", models.BigIntegerField(null=True)),
            ("attempts", models.SmallIntegerField(default=0)),
            ("next_try_at", models.DateTimeField(null=True)),
            ("found_at", models.DateTimeField()),
            ("sent_at", models.DateTimeField(null=True)),
            ("settled_at", models.DateTimeField(null=True)),
            (
                "account",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="uploads", to="sync.motusaccount"
                ),
            ),
            (
                "held_for",
                models.CharField(
                    blank=True,
                    choices=[
                        ("files", "Files"),
                        ("size", "Size"),
                        ("deployment", "Deployment"),
                        ("station", "Station"),
                        ("changed", "Changed"),
                    ],
                    default="",
                    max_length=16,
                ),
            ),
            ("transfer_at", models.DateTimeField(null=True)),
        ],
        options={
            "indexes": [
                models.Index(fields=["account", "-day", "-id"], name="sync_motusu_account_fb020a_idx"),
                models.Index(fields=["account", "serial", "day"], name="sync_motusu_account_9254a4_idx"),
                models.Index(fields=["state", "next_try_at"], name="sync_motusu_state_c1e446_idx"),
            ],
        },
    ),
    migrations.CreateModel(
        name="MotusTag",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("number", models.BigIntegerField()),
            ("project_id", models.IntegerField()),
            ("code", models.CharField(max_length=64)),
            ("match_name", models.CharField(max_length=64)),
            ("name", models.CharField(max_length=160)),
            ("species", models.CharField(blank=True, max_length=120)),
            ("deployed_at", models.DateTimeField(null=True)),
            (
                "account",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="tags", to="sync.motusaccount"
                ),
            ),
        ],
        options={
            "indexes": [models.Index(fields=["match_name", "account"], name="sync_motust_match_n_edf94c_idx")],
            "constraints": [models.UniqueConstraint(fields=("account", "number"), name="motus_tag_once")],
        },
    ),
    migrations.CreateModel(
        name="MotusReceiver",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("serial", models.CharField(max_length=128)),
            ("checked_at", models.DateTimeField(null=True)),
            ("tried_at", models.DateTimeField(null=True)),
            ("answer", models.TextField(blank=True, default="")),
            ("other_days", models.IntegerField(default=0)),
            ("other_files", models.IntegerField(default=0)),
            ("other_last", models.DateField(null=True)),
            ("batches", models.JSONField(default=list)),
            ("is_by_itself", models.BooleanField(default=False)),
            ("noticed_at", models.DateTimeField(null=True)),
            ("decided_at", models.DateTimeField(null=True)),
            ("decided_by_name", models.CharField(blank=True, default="", max_length=150)),
            (
                "account",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="receivers", to="sync.motusaccount"
                ),
            ),
            ("asked_at", models.DateTimeField(null=True)),
            ("counted_at", models.DateTimeField(null=True)),
            ("failures", models.SmallIntegerField(db_default=0, default=0)),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("account", "serial"), name="motus_receiver_once")],
        },
    ),
    migrations.CreateModel(
        name="MotusDay",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("day", models.DateField()),
            ("ours", models.IntegerField(default=0)),
            ("theirs", models.IntegerField(default=0)),
            (
                "missing_there",
                django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None),
            ),
            (
                "missing_here",
                django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None),
            ),
            (
                "other_sizes",
                django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None),
            ),
            ("n_missing_there", models.IntegerField(default=0)),
            ("n_missing_here", models.IntegerField(default=0)),
            ("n_other_sizes", models.IntegerField(default=0)),
            ("checked_at", models.DateTimeField()),
            ("lacking_since", models.DateTimeField(null=True)),
            ("runs", models.IntegerField(null=True)),
            ("runs_before", models.IntegerField(null=True)),
            ("runs_changed_at", models.DateTimeField(null=True)),
            (
                "receiver",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="days", to="sync.motusreceiver"
                ),
            ),
        ],
        options={
            "indexes": [
                models.Index(
                    condition=models.Q(("lacking_since__isnull", False)), fields=["receiver"], name="motus_day_lacking"
                )
            ],
            "constraints": [models.UniqueConstraint(fields=("receiver", "day"), name="motus_day_once")],
        },
    ),
]
