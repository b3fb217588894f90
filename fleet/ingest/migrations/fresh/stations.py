"""The tables of stations in a new database."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="Station",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("serial", models.CharField(max_length=80, unique=True)),
            ("name", models.CharField(blank=True, max_length=120)),
            ("notes", models.TextField(blank=True)),
            ("operator_interval_s", models.FloatField(blank=True, null=True)),
            ("generation", models.IntegerField(default=0)),
            ("is_in_maintenance", models.BooleanField(default=False)),
            ("asleep_until", models.DateTimeField(blank=True, null=True)),
            ("registered_at", models.DateTimeField()),
            ("retired_at", models.DateTimeField(blank=True, null=True)),
            (
                "organization",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.PROTECT,
                    related_name="stations",
                    to="organizations.organization",
                ),
            ),
            ("quota_bytes_per_hour", models.FloatField(blank=True, null=True)),
            ("quota_messages_per_s", models.FloatField(blank=True, null=True)),
            ("data_plan_bytes", models.BigIntegerField(blank=True, null=True)),
            ("suspended_at", models.DateTimeField(blank=True, null=True)),
            ("suspended_reason", models.CharField(blank=True, db_default="", default="", max_length=32)),
            (
                "model",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="stations",
                    to="stations.stationmodel",
                ),
            ),
            ("deleted_at", models.DateTimeField(blank=True, null=True)),
            ("moved_at", models.DateTimeField(blank=True, null=True)),
            (
                "predecessor",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="successors",
                    to="stations.station",
                ),
            ),
            ("maintenance_until", models.DateTimeField(blank=True, null=True)),
            (
                "parent",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="children",
                    to="stations.station",
                ),
            ),
            ("window_until", models.DateTimeField(blank=True, null=True)),
            ("window_reason", models.CharField(blank=True, db_default="", default="", max_length=200)),
        ],
        options={
            "indexes": [
                models.Index(fields=["organization", "serial"], name="stations_st_organiz_802c59_idx"),
                models.Index(
                    condition=models.Q(("maintenance_until", None), _negated=True),
                    fields=["maintenance_until"],
                    name="station_maintenance_ends",
                ),
                models.Index(
                    condition=models.Q(("window_until", None), _negated=True),
                    fields=["organization"],
                    name="station_in_window",
                ),
            ],
            "constraints": [
                models.UniqueConstraint(
                    django.db.models.functions.text.Upper("serial"), name="station_serial_once_whatever_its_case"
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="EnrolmentToken",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("token_hash", models.CharField(max_length=64, unique=True)),
            ("created_at", models.DateTimeField()),
            ("expires_at", models.DateTimeField()),
            ("used_at", models.DateTimeField(null=True)),
            (
                "created_by",
                models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL),
            ),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="enrolment_tokens", to="stations.station"
                ),
            ),
            ("is_rotation", models.BooleanField(db_default=False, default=False)),
            (
                "purpose",
                models.CharField(
                    choices=[("station", "Station"), ("upload", "Upload")],
                    db_default="station",
                    default="station",
                    max_length=8,
                ),
            ),
        ],
    ),
    migrations.CreateModel(
        name="Credential",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("generation", models.IntegerField()),
            ("username", models.CharField(max_length=96, unique=True)),
            ("hardware", models.JSONField(default=dict)),
            ("issued_at", models.DateTimeField()),
            ("revoked_at", models.DateTimeField(null=True)),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="credentials", to="stations.station"
                ),
            ),
            ("ends_at", models.DateTimeField(null=True)),
            (
                "purpose",
                models.CharField(
                    choices=[("station", "Station"), ("upload", "Upload")],
                    db_default="station",
                    default="station",
                    max_length=8,
                ),
            ),
            ("secret_hash", models.CharField(blank=True, db_default="", default="", max_length=64)),
        ],
        options={
            "indexes": [
                models.Index(
                    condition=models.Q(("revoked_at", None), models.Q(("ends_at", None), _negated=True)),
                    fields=["ends_at"],
                    name="credential_ends",
                )
            ],
            "constraints": [
                models.UniqueConstraint(fields=("station", "generation"), name="credential_generation_once")
            ],
        },
    ),
    migrations.CreateModel(
        name="StationContact",
        fields=[
            (
                "station",
                models.OneToOneField(
                    on_delete=django.db.models.deletion.CASCADE,
                    primary_key=True,
                    related_name="contact",
                    serialize=False,
                    to="stations.station",
                ),
            ),
            (
                "state",
                models.CharField(
                    choices=[
                        ("never_seen", "Never Seen"),
                        ("on_time", "On Time"),
                        ("late", "Late"),
                        ("silent", "Silent"),
                    ],
                    default="never_seen",
                    max_length=16,
                ),
            ),
            ("first_contact_at", models.DateTimeField(null=True)),
            ("last_contact_at", models.DateTimeField(null=True)),
            ("announced_interval_s", models.FloatField(null=True)),
            ("learned_interval_s", models.FloatField(null=True)),
            ("late_after", models.DateTimeField(null=True)),
            ("silent_after", models.DateTimeField(null=True)),
            ("backlog_messages", models.BigIntegerField(null=True)),
            ("backlog_bytes", models.BigIntegerField(null=True)),
            ("health", models.JSONField(default=dict)),
            ("health_occurred_at", models.DateTimeField(null=True)),
            ("health_received_at", models.DateTimeField(null=True)),
            ("hello", models.JSONField(default=dict)),
            ("hello_received_at", models.DateTimeField(null=True)),
            ("clock_offset_s", models.FloatField(null=True)),
            ("flooding_since", models.DateTimeField(null=True)),
            ("quota_at", models.DateTimeField(null=True)),
            ("quota_bytes", models.FloatField(null=True)),
            ("quota_excess", models.FloatField(db_default=0.0, default=0.0)),
            ("quota_messages", models.FloatField(null=True)),
            ("data_counter", models.CharField(blank=True, db_default="", default="", max_length=64)),
            ("data_received", models.BigIntegerField(null=True)),
            ("data_sent", models.BigIntegerField(null=True)),
            ("address", models.GenericIPAddressField(null=True)),
            ("epoch", models.IntegerField(db_default=0, default=0)),
            ("quota_reports", models.FloatField(null=True)),
            ("also_said", models.JSONField(db_default={}, default=dict)),
            ("announced_at", models.DateTimeField(null=True)),
            ("announced_seq", models.BigIntegerField(null=True)),
            ("announced_stream", models.BigIntegerField(null=True)),
            ("health_seq", models.BigIntegerField(null=True)),
            ("health_stream", models.BigIntegerField(null=True)),
            ("hello_at", models.DateTimeField(null=True)),
            ("hello_seq", models.BigIntegerField(null=True)),
            ("hello_stream", models.BigIntegerField(null=True)),
            ("rhythm_s", django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), null=True, size=24)),
            ("rhythm_at", models.DateTimeField(null=True)),
        ],
        options={
            "indexes": [
                models.Index(
                    condition=models.Q(("state", "on_time")), fields=["late_after"], name="contact_late_after"
                ),
                models.Index(
                    condition=models.Q(("state__in", ["on_time", "late"])),
                    fields=["silent_after"],
                    name="contact_silent_after",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="StationDataUse",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "station", "month", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("month", models.DateField()),
            ("first_at", models.DateTimeField()),
            ("messages", models.BigIntegerField()),
            ("payload_bytes", models.BigIntegerField()),
            ("sent", models.BigIntegerField(null=True)),
            ("received", models.BigIntegerField(null=True)),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="data_use", to="stations.station"
                ),
            ),
        ],
    ),
    migrations.CreateModel(
        name="StationModel",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=80)),
            ("manufacturer", models.CharField(blank=True, max_length=80)),
            (
                "kind",
                models.CharField(
                    choices=[
                        ("receiver", "Receiver"),
                        ("air_quality", "Air Quality"),
                        ("controller", "Controller"),
                        ("board", "Board"),
                        ("other", "Other"),
                    ],
                    default="other",
                    max_length=16,
                ),
            ),
            ("notes", models.TextField(blank=True)),
            (
                "organization",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="station_models",
                    to="organizations.organization",
                ),
            ),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(
                    models.F("organization"),
                    django.db.models.functions.text.Lower("name"),
                    name="station_model_name_once",
                    nulls_distinct=False,
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="ModelQuantity",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=128)),
            ("unit", models.CharField(blank=True, max_length=32)),
            (
                "model",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="quantities", to="stations.stationmodel"
                ),
            ),
            ("least", models.FloatField(blank=True, null=True)),
            ("most", models.FloatField(blank=True, null=True)),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("model", "name"), name="model_quantity_once")],
        },
    ),
    migrations.CreateModel(
        name="Tag",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=40)),
            (
                "organization",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="tags", to="organizations.organization"
                ),
            ),
            ("stations", models.ManyToManyField(related_name="tags", to="stations.station")),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(
                    models.F("organization"), django.db.models.functions.text.Lower("name"), name="tag_name_once"
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="SavedFilter",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=60)),
            ("query", models.CharField(max_length=500)),
            (
                "user",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="saved_filters",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(
                    models.F("user"), django.db.models.functions.text.Lower("name"), name="saved_filter_name_once"
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="StationGroup",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=80)),
            (
                "rule",
                models.CharField(
                    blank=True,
                    choices=[
                        ("", "None"),
                        ("serial", "Serial"),
                        ("address", "Address"),
                        ("tag", "Tag"),
                        ("model", "Model"),
                    ],
                    default="",
                    max_length=16,
                ),
            ),
            ("value", models.CharField(blank=True, max_length=120)),
            ("members", models.ManyToManyField(related_name="groups_by_hand", to="stations.station")),
            (
                "organization",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="station_groups",
                    to="organizations.organization",
                ),
            ),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(
                    models.F("organization"),
                    django.db.models.functions.text.Lower("name"),
                    name="station_group_name_once",
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="RegistrationCode",
        fields=[
            (
                "organization",
                models.OneToOneField(
                    on_delete=django.db.models.deletion.CASCADE,
                    primary_key=True,
                    related_name="registration_code",
                    serialize=False,
                    to="organizations.organization",
                ),
            ),
            ("code_hash", models.CharField(max_length=64, unique=True)),
            ("created_at", models.DateTimeField()),
            (
                "created_by",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
        ],
    ),
    migrations.CreateModel(
        name="HardwarePair",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("machine", models.CharField(blank=True, max_length=128)),
            ("card_key", models.CharField(blank=True, max_length=128)),
            ("model", models.CharField(blank=True, max_length=128)),
            (
                "state",
                models.CharField(
                    choices=[("known", "Known"), ("asked", "Asked"), ("same", "Same"), ("another", "Another")],
                    default="known",
                    max_length=8,
                ),
            ),
            ("first_seen_at", models.DateTimeField()),
            ("last_seen_at", models.DateTimeField()),
            ("decided_at", models.DateTimeField(null=True)),
            (
                "decided_by",
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
                    on_delete=django.db.models.deletion.CASCADE, related_name="hardware_pairs", to="stations.station"
                ),
            ),
        ],
        options={
            "indexes": [
                models.Index(condition=models.Q(("state", "asked")), fields=["station"], name="hardware_asked")
            ],
            "constraints": [
                models.UniqueConstraint(fields=("station", "machine", "card_key"), name="hardware_pair_once")
            ],
        },
    ),
    migrations.CreateModel(
        name="Newcomer",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("way", models.CharField(choices=[("arrival", "Arrival"), ("claim", "Claim")], max_length=8)),
            (
                "state",
                models.CharField(
                    choices=[
                        ("waiting", "Waiting"),
                        ("accepted", "Accepted"),
                        ("refused", "Refused"),
                        ("blocked", "Blocked"),
                    ],
                    default="waiting",
                    max_length=8,
                ),
            ),
            ("serial", models.CharField(max_length=64)),
            ("hardware", models.JSONField(default=dict)),
            ("address", models.CharField(blank=True, max_length=45)),
            ("secret_hash", models.CharField(max_length=64, unique=True)),
            ("code_hash", models.CharField(blank=True, default="", max_length=64)),
            ("arrived_at", models.DateTimeField()),
            ("asked_at", models.DateTimeField()),
            ("expires_at", models.DateTimeField()),
            ("decided_at", models.DateTimeField(null=True)),
            (
                "decided_by",
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
                    null=True,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="newcomers",
                    to="organizations.organization",
                ),
            ),
            (
                "station",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="newcomers",
                    to="stations.station",
                ),
            ),
            ("told_at", models.DateTimeField(null=True)),
        ],
        options={
            "indexes": [
                models.Index(fields=["organization", "state", "-id"], name="newcomer_of_organization"),
                models.Index(fields=["expires_at"], name="newcomer_expires"),
            ],
            "constraints": [
                models.UniqueConstraint(
                    condition=models.Q(("code_hash", ""), _negated=True),
                    fields=("code_hash",),
                    name="newcomer_code_once",
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="StationNote",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("at", models.DateTimeField()),
            ("text", models.TextField()),
            ("written_by_name", models.CharField(blank=True, max_length=150)),
            ("written_at", models.DateTimeField()),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="note_entries", to="stations.station"
                ),
            ),
            (
                "written_by",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
        ],
        options={
            "indexes": [models.Index(fields=["station", "-at", "-id"], name="note_of_station")],
        },
    ),
    migrations.CreateModel(
        name="StationTransfer",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("code_hash", models.CharField(max_length=64, unique=True)),
            (
                "history",
                models.CharField(choices=[("stays", "Stays"), ("goes", "Goes")], default="stays", max_length=8),
            ),
            ("offered_by_name", models.CharField(blank=True, max_length=150)),
            ("offered_at", models.DateTimeField()),
            ("expires_at", models.DateTimeField()),
            ("withdrawn_at", models.DateTimeField(null=True)),
            ("accepted_at", models.DateTimeField(null=True)),
            ("accepted_by_name", models.CharField(blank=True, max_length=150)),
            (
                "offered_by",
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
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="+",
                    to="organizations.organization",
                ),
            ),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="transfers", to="stations.station"
                ),
            ),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(
                    condition=models.Q(("accepted_at", None), ("withdrawn_at", None)),
                    fields=("station",),
                    name="transfer_open_once",
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="DeskQuota",
        fields=[
            (
                "station",
                models.OneToOneField(
                    on_delete=django.db.models.deletion.CASCADE,
                    primary_key=True,
                    related_name="desk_quota",
                    serialize=False,
                    to="stations.station",
                ),
            ),
            ("messages", models.FloatField(null=True)),
            ("bytes", models.FloatField(null=True)),
            ("excess", models.FloatField(default=0.0)),
            ("at", models.DateTimeField(null=True)),
            ("flooding_since", models.DateTimeField(null=True)),
        ],
    ),
    migrations.CreateModel(
        name="StationDay",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "station", "day", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("day", models.DateField()),
            ("heard", models.IntegerField(db_default=0, default=0)),
            ("late", models.IntegerField(db_default=0, default=0)),
            ("asleep", models.IntegerField(db_default=0, default=0)),
            (
                "station",
                models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="days",
                    to="stations.station",
                ),
            ),
        ],
    ),
    migrations.CreateModel(
        name="ContactDay",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "station", "day", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("day", models.DateField()),
            ("pauses_s", django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(null=True), size=24)),
            (
                "station",
                models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="contact_days",
                    to="stations.station",
                ),
            ),
        ],
    ),
]
