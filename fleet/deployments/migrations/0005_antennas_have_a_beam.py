"""Antennas have a beam width and a polarization; existing antennas have neither."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add two columns with defaults of the database: no row is rewritten."""

    dependencies = [("deployments", "0004_one_organization")]

    operations = [
        migrations.AddField("antenna", "beam_width_deg", models.FloatField(blank=True, null=True)),
        migrations.AddField(
            "antenna",
            "polarization",
            models.CharField(
                blank=True,
                choices=[("horizontal", "Horizontal"), ("vertical", "Vertical"), ("circular", "Circular")],
                db_default="",
                default="",
                max_length=10,
            ),
        ),
    ]
