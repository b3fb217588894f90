"""Tags of Motus have names."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0006_files_go_to_motus"),
    ]

    operations = [
        migrations.AddField(
            model_name="motusaccount",
            name="tags_answer",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AddField(
            model_name="motusaccount",
            name="tags_read_at",
            field=models.DateTimeField(null=True),
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
    ]
