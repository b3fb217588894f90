"""Files go to Motus."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0005_deployments_at_motus_and_how_they_differ"),
    ]

    operations = [
        migrations.AddField(
            model_name="motusaccount",
            name="files_answer",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AddField(
            model_name="motusaccount",
            name="files_asked_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="motusaccount",
            name="files_found_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="motusaccount",
            name="is_automatic",
            field=models.BooleanField(default=False),
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
            ],
            options={
                "indexes": [
                    models.Index(fields=["account", "-day", "-id"], name="sync_motusu_account_fb020a_idx"),
                    models.Index(fields=["account", "serial", "day"], name="sync_motusu_account_9254a4_idx"),
                    models.Index(fields=["state", "next_try_at"], name="sync_motusu_state_c1e446_idx"),
                ],
            },
        ),
    ]
