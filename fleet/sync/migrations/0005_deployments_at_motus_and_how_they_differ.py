"""Deployments at Motus, and how they differ from ours."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("stations", "0013_hours_of_stations_and_the_end_of_maintenance"),
        ("sync", "0004_organizations_have_a_login_at_motus"),
    ]

    operations = [
        migrations.AddField(
            model_name="motusaccount",
            name="read_answer",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AddField(
            model_name="motusaccount",
            name="read_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="motusaccount",
            name="read_tried_at",
            field=models.DateTimeField(null=True),
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
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="motus_differences",
                        to="stations.station",
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
    ]
