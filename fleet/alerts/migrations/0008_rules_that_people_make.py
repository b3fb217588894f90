"""Rules that people make, what is wrong by them, notes of what they have to look at, and their names at incidents."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    """Add three tables, which start empty, and three columns."""

    dependencies = [
        ("alerts", "0007_sending_times"),
        ("organizations", "0001_initial"),
        ("stations", "0015_owners_are_told_of_unanswered_devices"),
        ("telemetry", "0012_readings_go_to_cold_storage"),
    ]

    operations = [
        migrations.CreateModel(
            name="RuleNote",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "series_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
                ("hours", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ("noted_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.AddField(
            model_name="incident",
            name="is_found_later",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="incident",
            name="severity",
            field=models.CharField(blank=True, db_default="", default="", max_length=8),
        ),
        migrations.AddField(
            model_name="incident",
            name="title",
            field=models.CharField(blank=True, db_default="", default="", max_length=80),
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
                (
                    "phase",
                    models.CharField(choices=[("pending", "Pending"), ("ringing", "Ringing")], max_length=8),
                ),
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
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="telemetry.series"
                    ),
                ),
                (
                    "station",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="stations.station"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("rule", "series"), name="rule_state_once"),
                ],
            },
        ),
        # Rows that come and go every few seconds.
        migrations.RunSQL(
            "ALTER TABLE alerts_rulenote SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)",
            "",
        ),
    ]
