"""Pauses between contacts, and rhythms by hour of day; until these are learned, the known interval is used."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

_SEED = """
UPDATE stations_stationcontact SET rhythm_s = array_fill(greatest(learned_interval_s, 3600), ARRAY[24])
WHERE learned_interval_s IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [
        ("stations", "0015_owners_are_told_of_unanswered_devices"),
    ]

    operations = [
        migrations.AddField(
            model_name="stationcontact",
            name="rhythm_s",
            field=django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), null=True, size=24),
        ),
        migrations.AddField(
            model_name="stationcontact",
            name="rhythm_at",
            field=models.DateTimeField(null=True),
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
                (
                    "pauses_s",
                    django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(null=True), size=24),
                ),
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
        migrations.RunSQL(_SEED, migrations.RunSQL.noop),
    ]
