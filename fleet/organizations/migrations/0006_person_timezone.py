"""A time zone for each person."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("organizations", "0005_alerts_have_destinations")]

    operations = [
        migrations.AddField(
            model_name="person",
            name="timezone",
            field=models.CharField(blank=True, db_default="", max_length=64),
        ),
    ]
