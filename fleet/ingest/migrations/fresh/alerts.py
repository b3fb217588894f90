"""The tables of alerts in a new database."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="Incident",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("rule", models.CharField(max_length=64)),
            ("sentence", models.TextField()),
            ("closing_sentence", models.TextField(blank=True)),
            ("opened_at", models.DateTimeField()),
            ("closed_at", models.DateTimeField(null=True)),
            (
                "organization",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="incidents",
                    to="organizations.organization",
                ),
            ),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="incidents", to="stations.station"
                ),
            ),
            ("began_at", models.DateTimeField()),
            ("sentences", models.JSONField(db_default={}, default=dict)),
            ("closing_sentences", models.JSONField(db_default={}, default=dict)),
            ("is_found_later", models.BooleanField(db_default=False, default=False)),
            ("severity", models.CharField(blank=True, db_default="", default="", max_length=8)),
            ("title", models.CharField(blank=True, db_default="", default="", max_length=80)),
            ("acknowledged_at", models.DateTimeField(null=True)),
            ("acknowledged_by_name", models.CharField(blank=True, db_default="", default="", max_length=150)),
            (
                "assignee",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="incidents",
                    to="organizations.membership",
                ),
            ),
            ("is_snoozed_until_change", models.BooleanField(db_default=False, default=False)),
            ("reopens_until", models.DateTimeField(null=True)),
            ("snoozed_until", models.DateTimeField(null=True)),
            (
                "held_by",
                models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="holding",
                    to="alerts.incident",
                ),
            ),
            (
                "shared",
                models.ForeignKey(
                    db_index=False,
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="incidents",
                    to="alerts.sharedfailure",
                ),
            ),
            ("is_held", models.BooleanField(db_default=False, default=False)),
            ("held_reason", models.CharField(blank=True, db_default="", default="", max_length=200)),
            ("held_until", models.DateTimeField(null=True)),
        ],
        options={
            "indexes": [
                models.Index(fields=["organization", "-opened_at"], name="alerts_inci_organiz_de3c50_idx"),
                models.Index(
                    condition=models.Q(("closed_at", None), ("snoozed_until__isnull", False)),
                    fields=["snoozed_until"],
                    name="incident_snoozed",
                ),
                models.Index(
                    condition=models.Q(("reopens_until__isnull", False)),
                    fields=["station", "rule"],
                    name="incident_reopens",
                ),
                models.Index(
                    condition=models.Q(("held_by__isnull", False)), fields=["held_by"], name="incident_held_by"
                ),
                models.Index(condition=models.Q(("shared__isnull", False)), fields=["shared"], name="incident_shared"),
                models.Index(
                    condition=models.Q(("closed_at", None), ("is_held", True)), fields=["station"], name="incident_held"
                ),
            ],
            "constraints": [
                models.UniqueConstraint(
                    condition=models.Q(("closed_at", None)), fields=("station", "rule"), name="incident_open_once"
                ),
                models.CheckConstraint(
                    condition=models.Q(
                        ("acknowledged_at__isnull", False),
                        models.Q(("is_snoozed_until_change", False), ("snoozed_until", None)),
                        _connector="OR",
                    ),
                    name="incident_snoozed_by_somebody",
                ),
                models.CheckConstraint(
                    condition=models.Q(("snoozed_until", None), ("is_snoozed_until_change", False), _connector="OR"),
                    name="incident_snoozed_one_way",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="Notification",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            (
                "phase",
                models.CharField(
                    choices=[
                        ("opened", "Opened"),
                        ("again", "Again"),
                        ("assigned", "Assigned"),
                        ("closed", "Closed"),
                        ("test", "Test"),
                        ("storm", "Storm"),
                    ],
                    max_length=8,
                ),
            ),
            ("channel", models.CharField(max_length=32)),
            ("recipient", models.CharField(max_length=500)),
            ("message_id", models.CharField(max_length=128, unique=True)),
            (
                "state",
                models.CharField(
                    choices=[
                        ("pending", "Pending"),
                        ("sending", "Sending"),
                        ("sent", "Sent"),
                        ("failed", "Failed"),
                        ("merged", "Merged"),
                        ("dropped", "Dropped"),
                        ("unknown", "Unknown"),
                        ("held", "Held"),
                    ],
                    default="pending",
                    max_length=8,
                ),
            ),
            ("created_at", models.DateTimeField()),
            ("due_at", models.DateTimeField()),
            ("sent_at", models.DateTimeField(null=True)),
            ("attempts", models.IntegerField(default=0)),
            ("last_error", models.TextField(blank=True)),
            ("incidents", models.ManyToManyField(related_name="notifications", to="alerts.incident")),
            (
                "organization",
                models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="organizations.organization"),
            ),
            ("is_maybe_delivered", models.BooleanField(default=False)),
            ("rule", models.CharField(max_length=64)),
            (
                "destination",
                models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to="alerts.destination"),
            ),
            ("held_until", models.DateTimeField(null=True)),
            (
                "held_by",
                models.ForeignKey(
                    null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="alerts.incident"
                ),
            ),
            (
                "held_why",
                models.CharField(
                    blank=True,
                    choices=[("parent", "Parent"), ("shared", "Shared"), ("storm", "Storm")],
                    db_default="",
                    default="",
                    max_length=8,
                ),
            ),
            (
                "shared",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="notifications",
                    to="alerts.sharedfailure",
                ),
            ),
        ],
        options={
            "indexes": [
                models.Index(
                    condition=models.Q(("state__in", ["pending", "sending"])),
                    fields=["due_at"],
                    name="notification_due",
                ),
                models.Index(
                    condition=models.Q(("state", "sent")),
                    fields=["channel", "recipient", "sent_at"],
                    name="notification_sent_lately",
                ),
                models.Index(
                    condition=models.Q(("held_why", "storm")),
                    fields=["channel", "recipient", "due_at"],
                    name="notification_storm_held",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="Trouble",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("about", models.CharField(max_length=64)),
            ("sentence", models.TextField()),
            ("began_at", models.DateTimeField()),
            ("told_at", models.DateTimeField(null=True)),
            ("ended_at", models.DateTimeField(null=True)),
            ("end_told_at", models.DateTimeField(null=True)),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(
                    condition=models.Q(("ended_at", None)), fields=("about",), name="trouble_open_once"
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="Destination",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("channel", models.CharField(max_length=32)),
            ("address", models.CharField(blank=True, max_length=500)),
            ("secret_seed", models.CharField(blank=True, max_length=32)),
            ("is_on", models.BooleanField(default=True)),
            ("created_at", models.DateTimeField()),
            ("last_result_at", models.DateTimeField(null=True)),
            ("last_error", models.TextField(blank=True)),
            (
                "membership",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="destinations",
                    to="organizations.membership",
                ),
            ),
            (
                "organization",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="destinations",
                    to="organizations.organization",
                ),
            ),
            ("sealed_address", models.TextField(blank=True, db_default="", default="")),
        ],
        options={
            "constraints": [
                models.CheckConstraint(
                    condition=models.Q(
                        models.Q(("membership__isnull", False), ("organization", None)),
                        models.Q(("membership", None), ("organization__isnull", False)),
                        _connector="OR",
                    ),
                    name="destination_of_one",
                ),
                models.UniqueConstraint(fields=("organization", "channel", "address"), name="destination_once"),
                models.UniqueConstraint(
                    fields=("membership", "channel", "address"), name="destination_once_per_member"
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="SendingTime",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("channel", models.CharField(max_length=32)),
            ("seconds", models.FloatField()),
            ("counted_from", models.DateTimeField()),
            (
                "organization",
                models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="organizations.organization"),
            ),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("organization", "channel"), name="sending_time_once")],
        },
    ),
    migrations.CreateModel(
        name="RuleNote",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("series_ids", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
            ("hours", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
            ("noted_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
        ],
    ),
    migrations.CreateModel(
        name="AlertRule",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=80)),
            ("subject", models.CharField(max_length=32)),
            ("what", models.CharField(max_length=128)),
            ("unit", models.CharField(blank=True, max_length=32)),
            ("condition", models.CharField(max_length=16)),
            ("low", models.FloatField(null=True)),
            ("high", models.FloatField(null=True)),
            ("clear_low", models.FloatField(null=True)),
            ("clear_high", models.FloatField(null=True)),
            ("within_s", models.PositiveIntegerField(default=0)),
            ("for_s", models.PositiveIntegerField(default=0)),
            (
                "severity",
                models.CharField(
                    choices=[("notice", "notice"), ("warning", "warning"), ("severe", "severe")],
                    default="warning",
                    max_length=8,
                ),
            ),
            (
                "scope",
                models.CharField(
                    choices=[
                        ("organization", "Organization"),
                        ("model", "Model"),
                        ("tag", "Tag"),
                        ("group", "Group"),
                        ("station", "Station"),
                    ],
                    default="organization",
                    max_length=16,
                ),
            ),
            ("scope_id", models.BigIntegerField(null=True)),
            ("tag", models.CharField(blank=True, max_length=40)),
            ("hours_from", models.TimeField(null=True)),
            ("hours_until", models.TimeField(null=True)),
            ("season_from", models.CharField(blank=True, max_length=5)),
            ("season_until", models.CharField(blank=True, max_length=5)),
            ("hint", models.CharField(blank=True, max_length=300)),
            ("is_on", models.BooleanField(default=True)),
            ("judged_from", models.DateTimeField()),
            ("added_at", models.DateTimeField()),
            ("added_by_name", models.CharField(blank=True, max_length=150)),
            (
                "organization",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="alert_rules",
                    to="organizations.organization",
                ),
            ),
        ],
        options={
            "indexes": [
                models.Index(condition=models.Q(("is_on", True)), fields=["organization"], name="alert_rule_on")
            ],
            "constraints": [
                models.UniqueConstraint(
                    models.F("organization"),
                    django.db.models.functions.text.Lower("name"),
                    models.F("scope"),
                    models.F("scope_id"),
                    django.db.models.functions.text.Lower("tag"),
                    name="alert_rule_once",
                    nulls_distinct=False,
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="RuleState",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("phase", models.CharField(choices=[("pending", "Pending"), ("ringing", "Ringing")], max_length=8)),
            ("since", models.DateTimeField()),
            ("is_late", models.BooleanField(default=False)),
            (
                "rule",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="states", to="alerts.alertrule"
                ),
            ),
            (
                "series",
                models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="telemetry.series"),
            ),
            (
                "station",
                models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="stations.station"),
            ),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("rule", "series"), name="rule_state_once")],
        },
    ),
    migrations.CreateModel(
        name="IncidentStep",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            (
                "kind",
                models.CharField(
                    choices=[
                        ("acknowledged", "Acknowledged"),
                        ("snoozed", "Snoozed"),
                        ("taken_back", "Taken Back"),
                        ("assigned", "Assigned"),
                        ("noted", "Noted"),
                        ("woken", "Woken"),
                        ("changed", "Changed"),
                        ("reopened", "Reopened"),
                    ],
                    max_length=16,
                ),
            ),
            ("at", models.DateTimeField()),
            ("by_name", models.CharField(blank=True, max_length=150)),
            ("text", models.TextField(blank=True)),
            ("until", models.DateTimeField(null=True)),
            ("link", models.BigIntegerField(null=True)),
            (
                "by",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (
                "incident",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="alerts.incident"
                ),
            ),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("incident", "link"), name="incident_link_once")],
        },
    ),
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
                    choices=[("daily", "every day"), ("weekly", "every week"), ("monthly", "every month")], max_length=8
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
    migrations.CreateModel(
        name="SharedFailure",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            (
                "cause",
                models.CharField(
                    choices=[("site", "Site"), ("network", "Network"), ("organization", "Organization")], max_length=16
                ),
            ),
            ("subject", models.CharField(blank=True, max_length=120)),
            ("name", models.CharField(max_length=200)),
            ("total", models.IntegerField()),
            ("fallen", models.IntegerField()),
            ("first_at", models.DateTimeField()),
            ("last_at", models.DateTimeField()),
            ("opened_at", models.DateTimeField()),
            ("closed_at", models.DateTimeField(null=True)),
            ("left_silent", models.IntegerField(null=True)),
            (
                "organization",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="shared_failures",
                    to="organizations.organization",
                ),
            ),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(
                    condition=models.Q(("closed_at", None)),
                    fields=("organization", "cause", "subject"),
                    name="shared_open_once",
                )
            ],
        },
    ),
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
            (
                "organization",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="maintenance_windows",
                    to="organizations.organization",
                ),
            ),
            (
                "station",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="maintenance_windows",
                    to="stations.station",
                ),
            ),
            (
                "site",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="maintenance_windows",
                    to="deployments.site",
                ),
            ),
            (
                "group",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="maintenance_windows",
                    to="stations.stationgroup",
                ),
            ),
        ],
        options={
            "indexes": [
                models.Index(condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="maintenance_due"),
                models.Index(condition=models.Q(("is_open", True)), fields=["organization"], name="maintenance_open"),
            ],
            "constraints": [
                models.CheckConstraint(
                    condition=models.Q(
                        models.Q(("group", None), ("site", None), ("station__isnull", False)),
                        models.Q(("group", None), ("site__isnull", False), ("station", None)),
                        models.Q(("group__isnull", False), ("site", None), ("station", None)),
                        _connector="OR",
                    ),
                    name="maintenance_of_one",
                ),
                models.CheckConstraint(
                    condition=models.Q(
                        models.Q(("closes_at", None), ("due_at", None), ("is_open", False), ("opens_at", None)),
                        models.Q(("closes_at__isnull", False), ("due_at__isnull", False), ("opens_at__isnull", False)),
                        _connector="OR",
                    ),
                    name="maintenance_has_its_times",
                ),
            ],
        },
    ),
]
