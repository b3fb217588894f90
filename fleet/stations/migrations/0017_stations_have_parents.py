"""A station may have a parent: its gateway."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Add a column; no row changes."""

    dependencies = [
        ("stations", "0016_rhythms_are_learned_by_hour_of_day"),
    ]

    operations = [
        migrations.AddField(
            model_name="station",
            name="parent",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="children",
                to="stations.station",
            ),
        ),
    ]
