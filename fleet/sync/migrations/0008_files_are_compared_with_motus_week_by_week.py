"""Files are compared with Motus week by week."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0007_tags_of_motus_have_names"),
    ]

    operations = [
        migrations.AddField(
            model_name="motusupload",
            name="held_for",
            field=models.CharField(
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
        migrations.AddField(
            model_name="motusupload",
            name="transfer_at",
            field=models.DateTimeField(null=True),
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
            ],
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
        ),
        migrations.AddConstraint(
            model_name="motusreceiver",
            constraint=models.UniqueConstraint(fields=("account", "serial"), name="motus_receiver_once"),
        ),
        migrations.AddIndex(
            model_name="motusday",
            index=models.Index(
                condition=models.Q(("lacking_since__isnull", False)), fields=["receiver"], name="motus_day_lacking"
            ),
        ),
        migrations.AddConstraint(
            model_name="motusday",
            constraint=models.UniqueConstraint(fields=("receiver", "day"), name="motus_day_once"),
        ),
    ]
