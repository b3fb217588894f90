"""Organizations have a login at Motus."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0006_person_timezone"),
        ("sync", "0003_a_short_list_is_asked_about"),
    ]

    operations = [
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
            ],
        ),
    ]
