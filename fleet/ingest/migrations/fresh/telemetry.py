"""The tables of telemetry in a new database."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.db import migrations, models

import fleet.telemetry.fields

TABLES = [
    migrations.CreateModel(
        name="UnsequencedCount",
        fields=[
            (
                "station",
                models.OneToOneField(
                    on_delete=django.db.models.deletion.CASCADE,
                    primary_key=True,
                    related_name="unsequenced",
                    serialize=False,
                    to="stations.station",
                ),
            ),
            ("messages", models.BigIntegerField(default=0)),
            ("last_at", models.DateTimeField()),
        ],
    ),
    migrations.CreateModel(
        name="Detection",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "station",
                    "occurred_at",
                    "port",
                    "kind",
                    "line",
                    blank=True,
                    editable=False,
                    primary_key=True,
                    serialize=False,
                ),
            ),
            ("occurred_at", models.DateTimeField()),
            ("port", models.SmallIntegerField()),
            ("kind", models.SmallIntegerField(choices=[(1, "Pulse"), (2, "Tag")])),
            ("line", models.IntegerField()),
            ("received_at", models.DateTimeField()),
            ("freq", models.FloatField(null=True)),
            ("sig", models.FloatField(null=True)),
            ("noise", models.FloatField(null=True)),
            ("snr", models.FloatField(null=True)),
            ("tag", models.CharField(max_length=64, null=True)),
            ("rssi", models.FloatField(null=True)),
            ("is_used", models.BooleanField(default=True)),
            ("flags", models.SmallIntegerField(default=0)),
            (
                "station",
                models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    on_delete=django.db.models.deletion.CASCADE,
                    to="stations.station",
                ),
            ),
            ("file_id", models.BigIntegerField(null=True)),
            ("shift_id", models.BigIntegerField(null=True)),
            ("flags_before", models.SmallIntegerField(null=True)),
            ("node", models.CharField(max_length=16, null=True)),
            ("is_validated", models.BooleanField(null=True)),
            ("also", models.JSONField(null=True)),
        ],
    ),
    migrations.CreateModel(
        name="DetectionCount",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "station", "hour", "port", "kind", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("hour", models.DateTimeField()),
            ("port", models.SmallIntegerField()),
            ("kind", models.SmallIntegerField(choices=[(1, "Pulse"), (2, "Tag")])),
            ("count", models.BigIntegerField()),
            (
                "station",
                models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    on_delete=django.db.models.deletion.CASCADE,
                    to="stations.station",
                ),
            ),
        ],
    ),
    migrations.CreateModel(
        name="Position",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "station",
                    "occurred_at",
                    "line",
                    "source",
                    blank=True,
                    editable=False,
                    primary_key=True,
                    serialize=False,
                ),
            ),
            ("occurred_at", models.DateTimeField()),
            ("line", models.IntegerField()),
            ("source", models.CharField(blank=True, default="", max_length=16)),
            ("received_at", models.DateTimeField()),
            ("latitude", models.FloatField(null=True)),
            ("longitude", models.FloatField(null=True)),
            ("altitude_m", models.FloatField(null=True)),
            ("flags", models.SmallIntegerField(default=0)),
            (
                "station",
                models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    on_delete=django.db.models.deletion.CASCADE,
                    to="stations.station",
                ),
            ),
            ("file_id", models.BigIntegerField(null=True)),
            ("shift_id", models.BigIntegerField(null=True)),
            ("flags_before", models.SmallIntegerField(null=True)),
        ],
    ),
    migrations.CreateModel(
        name="Series",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=128)),
            ("unit", models.CharField(blank=True, max_length=32)),
            ("created_at", models.DateTimeField()),
            ("last_at", models.DateTimeField(null=True)),
            ("last_value", models.FloatField(null=True)),
            ("last_received_at", models.DateTimeField(null=True)),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="series", to="stations.station"
                ),
            ),
            ("hours_from", models.DateTimeField(null=True)),
            ("raw_from", models.DateTimeField(null=True)),
            ("dimension", models.CharField(blank=True, db_default="", default="", max_length=32)),
            ("is_other", models.BooleanField(db_default=False, default=False)),
            ("last_flags", models.SmallIntegerField(db_default=0, default=0)),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("station", "name", "dimension"), name="series_once")],
        },
    ),
    migrations.CreateModel(
        name="Reading",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "series", "occurred_at", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("occurred_at", models.DateTimeField()),
            ("received_at", models.DateTimeField()),
            ("value", models.FloatField()),
            ("flags", models.SmallIntegerField(default=0)),
            (
                "series",
                models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    on_delete=django.db.models.deletion.CASCADE,
                    to="telemetry.series",
                ),
            ),
            ("sent_unit", models.CharField(max_length=32, null=True)),
            ("sent_value", models.FloatField(null=True)),
            ("shift_id", models.BigIntegerField(null=True)),
            ("flags_before", models.SmallIntegerField(null=True)),
        ],
    ),
    migrations.CreateModel(
        name="StationEvent",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "station",
                    "occurred_at",
                    "name",
                    "line",
                    "source",
                    blank=True,
                    editable=False,
                    primary_key=True,
                    serialize=False,
                ),
            ),
            ("occurred_at", models.DateTimeField()),
            ("name", models.CharField(max_length=128)),
            ("line", models.IntegerField()),
            ("source", models.CharField(blank=True, default="", max_length=16)),
            ("received_at", models.DateTimeField()),
            ("port", models.SmallIntegerField(null=True)),
            ("data", models.JSONField(default=dict)),
            ("flags", models.SmallIntegerField(default=0)),
            (
                "station",
                models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    on_delete=django.db.models.deletion.CASCADE,
                    to="stations.station",
                ),
            ),
            ("shift_id", models.BigIntegerField(null=True)),
            ("flags_before", models.SmallIntegerField(null=True)),
        ],
        options={
            "indexes": [
                models.Index(
                    models.F("station"),
                    models.OrderBy(
                        django.db.models.functions.comparison.Least(models.F("occurred_at"), models.F("received_at")),
                        descending=True,
                    ),
                    name="event_placed",
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="StreamLedger",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("stream", models.CharField(max_length=64)),
            ("received", fleet.telemetry.fields.Int8MultirangeField()),
            ("oldest_seq", models.BigIntegerField(null=True)),
            ("next_seq", models.BigIntegerField(null=True)),
            ("messages", models.BigIntegerField(default=0)),
            ("repeats", models.BigIntegerField(default=0)),
            ("first_at", models.DateTimeField()),
            ("last_at", models.DateTimeField()),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="streams", to="stations.station"
                ),
            ),
            (
                "branch",
                models.CharField(
                    blank=True,
                    choices=[
                        ("", "Trunk"),
                        ("held", "Held"),
                        ("cloned", "Cloned"),
                        ("believed", "Believed"),
                        ("discarded", "Discarded"),
                    ],
                    default="",
                    max_length=16,
                ),
            ),
            ("is_contested", models.BooleanField(default=False)),
            ("newest_run_at", models.DateTimeField(null=True)),
            (
                "run_sinces",
                django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None),
            ),
            (
                "runs",
                django.contrib.postgres.fields.ArrayField(
                    base_field=models.CharField(max_length=16), default=list, size=None
                ),
            ),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("station", "stream"), name="stream_once")],
        },
    ),
    migrations.CreateModel(
        name="DirtyHour",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "series", "hour", "noted_at", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("hour", models.DateTimeField()),
            ("noted_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            (
                "series",
                models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    on_delete=django.db.models.deletion.CASCADE,
                    to="telemetry.series",
                ),
            ),
        ],
    ),
    migrations.CreateModel(
        name="ReadingDay",
        fields=[
            ("count", models.BigIntegerField()),
            ("sum", models.FloatField()),
            ("minimum", models.FloatField()),
            ("maximum", models.FloatField()),
            ("flags", models.SmallIntegerField()),
            ("suspicious", models.BigIntegerField()),
            (
                "pk",
                models.CompositePrimaryKey(
                    "series", "start", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("start", models.DateTimeField()),
            (
                "series",
                models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    on_delete=django.db.models.deletion.CASCADE,
                    to="telemetry.series",
                ),
            ),
            ("outside", models.BigIntegerField(db_default=0, default=0)),
        ],
        options={
            "abstract": False,
        },
    ),
    migrations.CreateModel(
        name="ReadingHour",
        fields=[
            ("count", models.BigIntegerField()),
            ("sum", models.FloatField()),
            ("minimum", models.FloatField()),
            ("maximum", models.FloatField()),
            ("flags", models.SmallIntegerField()),
            ("suspicious", models.BigIntegerField()),
            (
                "pk",
                models.CompositePrimaryKey(
                    "series", "start", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("start", models.DateTimeField()),
            (
                "series",
                models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    on_delete=django.db.models.deletion.CASCADE,
                    to="telemetry.series",
                ),
            ),
            ("outside", models.BigIntegerField(db_default=0, default=0)),
        ],
        options={
            "abstract": False,
        },
    ),
    migrations.CreateModel(
        name="RetentionRule",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("pattern", models.CharField(default="*", max_length=128)),
            ("raw_days", models.PositiveIntegerField(blank=True, null=True)),
            ("hour_days", models.PositiveIntegerField(blank=True, null=True)),
            ("day_days", models.PositiveIntegerField(blank=True, null=True)),
            (
                "organization",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="retention_rules",
                    to="organizations.organization",
                ),
            ),
            ("late", models.BigIntegerField(db_default=0, default=0, editable=False)),
            (
                "station",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="retention_rules",
                    to="stations.station",
                ),
            ),
            ("most", models.PositiveIntegerField(blank=True, null=True)),
            ("interval_s", models.PositiveIntegerField(blank=True, null=True)),
            ("interval_since", models.DateTimeField(editable=False, null=True)),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(fields=("organization", "pattern"), name="retention_pattern_once"),
                models.CheckConstraint(
                    condition=models.Q(
                        models.Q(
                            ("hour_days", None),
                            models.Q(("raw_days__isnull", False), ("raw_days__lte", models.F("hour_days"))),
                            _connector="OR",
                        ),
                        models.Q(
                            ("day_days", None),
                            models.Q(("hour_days__isnull", False), ("hour_days__lte", models.F("day_days"))),
                            _connector="OR",
                        ),
                    ),
                    name="retention_finer_first",
                ),
                models.UniqueConstraint(fields=("station", "pattern"), name="retention_station_once"),
                models.CheckConstraint(
                    condition=models.Q(
                        models.Q(("organization", None), ("station__isnull", False)),
                        models.Q(("organization__isnull", False), ("station", None)),
                        _connector="OR",
                    ),
                    name="retention_of_one",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="FileSummary",
        fields=[
            (
                "station",
                models.OneToOneField(
                    on_delete=django.db.models.deletion.CASCADE,
                    primary_key=True,
                    related_name="file_summary",
                    serialize=False,
                    to="stations.station",
                ),
            ),
            ("files", models.BigIntegerField(default=0)),
            ("files_open", models.BigIntegerField(default=0)),
            ("files_refused", models.BigIntegerField(default=0)),
            ("files_foreign", models.BigIntegerField(default=0)),
            ("files_gone", models.BigIntegerField(default=0)),
            ("files_damaged", models.BigIntegerField(default=0)),
            ("bytes_all", models.BigIntegerField(default=0)),
            ("bytes_taken", models.BigIntegerField(default=0)),
            ("bytes_known", models.BigIntegerField(default=0)),
            ("bytes_kept_back", models.BigIntegerField(default=0)),
            ("bytes_unread", models.BigIntegerField(default=0)),
            ("bytes_refused", models.BigIntegerField(default=0)),
            ("lines_refused", models.BigIntegerField(default=0)),
            ("received_at", models.DateTimeField()),
            ("overfull_at", models.DateTimeField(null=True)),
        ],
    ),
    migrations.CreateModel(
        name="TimeShift",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("side", models.CharField(choices=[("behind", "Behind"), ("ahead", "Ahead")], max_length=8)),
            ("offset_us", models.BigIntegerField()),
            ("received_from", models.DateTimeField(null=True)),
            ("received_until", models.DateTimeField(null=True)),
            ("first_at", models.DateTimeField()),
            ("last_at", models.DateTimeField()),
            ("readings", models.BigIntegerField(default=0)),
            ("detections", models.BigIntegerField(default=0)),
            ("positions", models.BigIntegerField(default=0)),
            ("events", models.BigIntegerField(default=0)),
            ("left", models.BigIntegerField(default=0)),
            ("made_at", models.DateTimeField()),
            ("made_by_name", models.CharField(blank=True, max_length=150)),
            ("undone_at", models.DateTimeField(null=True)),
            ("undone_by_name", models.CharField(blank=True, max_length=150)),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="time_shifts", to="stations.station"
                ),
            ),
            ("again", models.BigIntegerField(db_default=0, default=0)),
        ],
    ),
    migrations.CreateModel(
        name="TagHour",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "station", "hour", "port", "tag", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("hour", models.DateTimeField()),
            ("port", models.SmallIntegerField()),
            ("tag", models.CharField(max_length=64)),
            ("count", models.BigIntegerField()),
            ("first_at", models.DateTimeField()),
            ("last_at", models.DateTimeField()),
            ("strongest", models.FloatField(null=True)),
            (
                "station",
                models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    on_delete=django.db.models.deletion.CASCADE,
                    to="stations.station",
                ),
            ),
        ],
        options={
            "indexes": [
                models.Index(
                    django.db.models.functions.text.Upper("tag"),
                    models.F("hour"),
                    models.F("station"),
                    name="tag_anywhere",
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="TagHourDue",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "station", "hour", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("hour", models.DateTimeField(db_index=True)),
            (
                "station",
                models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    on_delete=django.db.models.deletion.CASCADE,
                    to="stations.station",
                ),
            ),
        ],
    ),
    migrations.CreateModel(
        name="ColdFile",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("month", models.DateField()),
            (
                "state",
                models.CharField(
                    choices=[
                        ("writing", "writing"),
                        ("written", "written"),
                        ("verified", "verified"),
                        ("cold", "cold"),
                        ("over", "over"),
                    ],
                    default="writing",
                    max_length=8,
                ),
            ),
            ("place", models.CharField(max_length=8)),
            ("name", models.CharField(max_length=200)),
            ("sha256", models.CharField(blank=True, max_length=64)),
            ("octets", models.BigIntegerField(default=0)),
            ("rows", models.BigIntegerField(default=0)),
            ("rows_new", models.BigIntegerField(default=0)),
            ("checksum", models.CharField(blank=True, max_length=40)),
            ("known", models.BigIntegerField(default=0)),
            ("moved", models.BigIntegerField(default=0)),
            ("left_out", models.BigIntegerField(default=0)),
            ("begun_at", models.DateTimeField()),
            ("cold_at", models.DateTimeField(null=True)),
            ("over_at", models.DateTimeField(null=True)),
            ("reason", models.CharField(blank=True, max_length=200)),
            (
                "replaces",
                models.ForeignKey(
                    null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="telemetry.coldfile"
                ),
            ),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="cold_files", to="stations.station"
                ),
            ),
            (
                "kind",
                models.CharField(
                    choices=[("readings", "readings"), ("detections", "detections")],
                    db_default="readings",
                    default="readings",
                    max_length=10,
                ),
            ),
            ("first_at", models.DateTimeField(null=True)),
            ("last_at", models.DateTimeField(null=True)),
        ],
        options={
            "indexes": [models.Index(condition=models.Q(("state", "over")), fields=["over_at"], name="cold_over")],
            "constraints": [
                models.UniqueConstraint(
                    condition=models.Q(("state", "cold")), fields=("station", "month", "kind"), name="cold_once"
                ),
                models.UniqueConstraint(
                    condition=models.Q(("state__in", ["writing", "written", "verified"])),
                    fields=("station", "month", "kind"),
                    name="made_once",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="ColdPart",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "series", "file", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("rows", models.BigIntegerField()),
            ("first_at", models.DateTimeField()),
            ("last_at", models.DateTimeField()),
            (
                "file",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="parts", to="telemetry.coldfile"
                ),
            ),
            (
                "series",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="cold_parts", to="telemetry.series"
                ),
            ),
        ],
    ),
    migrations.CreateModel(
        name="SeriesTally",
        fields=[
            (
                "series",
                models.OneToOneField(
                    on_delete=django.db.models.deletion.CASCADE,
                    primary_key=True,
                    related_name="tally",
                    serialize=False,
                    to="telemetry.series",
                ),
            ),
            ("kept_back", models.BigIntegerField(default=0)),
            ("kept_back_at", models.DateTimeField(null=True)),
            ("removed", models.BigIntegerField(default=0)),
            (
                "station",
                models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="stations.station"),
            ),
        ],
    ),
    migrations.CreateModel(
        name="DetectionRule",
        fields=[
            (
                "organization",
                models.OneToOneField(
                    on_delete=django.db.models.deletion.CASCADE,
                    primary_key=True,
                    related_name="detection_rule",
                    serialize=False,
                    to="organizations.organization",
                ),
            ),
            ("days", models.PositiveIntegerField()),
        ],
    ),
    migrations.CreateModel(
        name="ClearedDetections",
        fields=[
            (
                "station",
                models.OneToOneField(
                    on_delete=django.db.models.deletion.CASCADE,
                    primary_key=True,
                    related_name="cleared_detections",
                    serialize=False,
                    to="stations.station",
                ),
            ),
            ("before", models.DateTimeField(null=True)),
            ("removed", models.BigIntegerField(default=0)),
        ],
    ),
]
